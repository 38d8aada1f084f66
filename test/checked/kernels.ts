import { readFileSync } from 'node:fs';
import type { PackagedKernels } from '#kernels';

/** What `#kernels` is in these tests. */
export const kernels: PackagedKernels = {
  name: 'checked attention',
  plain: new WebAssembly.Module(readFileSync('build/checked/simd.wasm')),
  relaxed: async () => undefined,
};
