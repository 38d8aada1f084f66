import { kernels } from '#modelKernels';
import type { KernelCore } from '../kernel/core.js';
import type { ModuleExports } from '../kernel/kernelModule.js';
import { packagedSource } from '../kernel/kernelSource.js';

/** The kernels that models need beside attention. */
export type ModelKernels = ModuleExports<'model'>;

/** Instantiates them on the memory of `core`, once. Rejects with Error once the engine is disposed of. */
export function modelKernels(core: KernelCore): Promise<ModelKernels> {
  return core.model(packagedSource(kernels, core.simd));
}
