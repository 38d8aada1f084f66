// Static files in dist/: the page, the model, and the service worker in one file, since it may import nothing later.
import { cpSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const model = fileURLToPath(import.meta.resolve('flash-window-attention/models/swin-cifar10/config.json'));
cpSync(dirname(model), 'dist/model', { recursive: true });
cpSync('src/index.html', 'dist/index.html');
await build({
  entryPoints: ['src/serviceWorker.js'],
  bundle: true,
  minify: true,
  format: 'iife',
  outfile: 'dist/serviceWorker.js',
});
