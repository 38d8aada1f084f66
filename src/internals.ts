/// <reference lib="dom" preserve="true" />
/** What the benchmarks of this repository measure beneath the public entries. It changes without notice. */
export type { CheckedShiftedWindowArgs } from './arguments/shiftedWindowArgs.js';
export { coreOf } from './attention/engine.js';
export { type KernelCall, KernelCore } from './kernel/core.js';
export type { Job } from './kernel/job.js';
export { packagedSource } from './kernel/kernelSource.js';
export type { KernelName } from './kernel/schema.js';
export { checkConfig } from './swin/config.js';
export { KernelModel } from './swin/kernelModel.js';
export { layerInputs } from './swin/layerInputs.js';
export { layerNormJob } from './swin/layerNormJob.js';
export { type LinearStep, linearJob } from './swin/linearJob.js';
export { type ModelKernels, modelKernels } from './swin/modelKernels.js';
export { PackedWeights } from './swin/packedWeights.js';
export { present } from './swin/pending.js';
export { quantizeStateDict } from './swin/quantizeStateDict.js';
export { StateDict } from './swin/stateDict.js';
export { readWeights } from './swin/weights.js';
export { type CheckedTensor, checkTensor } from './tensor/check.js';
