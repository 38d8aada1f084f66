// Bundles the oracle to one file that the Python package ships and runs with Node.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const { version, license } = JSON.parse(readFileSync('package.json', 'utf8'));

await build({
  entryPoints: ['src/cli/serveOracle.ts'],
  outfile: 'python/src/flash_window_attention/oracle.mjs',
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: `// flash-window-attention ${version}, ${license} license` },
  // Reports of errors name functions by it.
  keepNames: true,
});
