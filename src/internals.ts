/// <reference lib="dom" preserve="true" />
/** What the benchmarks of this repository measure beneath the public entries. It changes without notice. */
export { coreOf } from './attention/engine.js';
export { KernelCore } from './kernel/core.js';
export { packagedSource } from './kernel/kernelSource.js';
export { KernelModel } from './swin/kernelModel.js';
export { layerNormJob } from './swin/layerNormJob.js';
export { linearJob } from './swin/linearJob.js';
export { type ModelKernels, modelKernels } from './swin/modelKernels.js';
export { PackedWeights } from './swin/packedWeights.js';
