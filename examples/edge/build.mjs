// Bundles the entry for Node, which reads no TypeScript before version 22.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/node.ts'],
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outfile: 'dist/node.mjs',
});
