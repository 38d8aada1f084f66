import { readFileSync } from 'node:fs';
import type { PackagedKernels } from '#kernels';

/** What `#modelKernels` is in these tests. */
export const kernels: PackagedKernels = {
  name: 'checked model',
  plain: new WebAssembly.Module(readFileSync('build/checked/model-simd.wasm')),
  relaxed: async () => undefined,
};
