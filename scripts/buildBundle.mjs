// Bundles the library's entries, but for the pool of Node's threads, to one file, build/bundle/flash-window-attention.js:
// all that an import map or a copied file has to name.
import { mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const ENTRIES = ['index', 'swin/index', 'image/index', 'safetensors/index'];
const code = ENTRIES.map((entry) => `export * from '../${entry}.js';\n`).join('');
const OUT = 'build/bundle/flash-window-attention';

mkdirSync('build/bundle', { recursive: true });
writeFileSync(`${OUT}.d.ts`, code);
await build({
  stdin: { contents: code, resolveDir: 'build/bundle' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  outfile: `${OUT}.js`,
});
