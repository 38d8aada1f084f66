import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // For what hangs: a machine with other work to do may take ten times as long as it takes alone.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    globalSetup: ['test/support/freshBuild.ts'],
    setupFiles: ['test/support/seed.ts'],
  },
});
