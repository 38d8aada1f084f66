import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const path = (file: string) => fileURLToPath(new URL(`test/checked/${file}`, import.meta.url));

/**
 * The kernels' tests on a build whose every load and store is checked against the arrays that the call allocated
 * (scripts/checkKernels.mjs, test/checked/memory.ts).
 */
export default defineConfig({
  resolve: { alias: { '#kernels': path('kernels.ts'), '#modelKernels': path('modelKernels.ts') } },
  test: {
    include: [
      'test/checked/*.checked.ts',
      'test/{windowAttention,shiftedWindow,linear,exp,gelu,float64,half,swin}*.test.ts',
    ],
    globalSetup: ['test/support/freshBuild.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    setupFiles: ['test/support/seed.ts', 'test/checked/memory.ts'],
  },
});
