// Bundles the program of worker threads to a text, build/worker/kernelWorker.js, that src/kernel/startWorker.ts imports.
import { mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const { outputFiles } = await build({
  entryPoints: ['src/kernel/kernelWorker.ts'],
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  write: false,
});
mkdirSync('build/worker', { recursive: true });
writeFileSync('build/worker/kernelWorker.js', `export default ${JSON.stringify(outputFiles[0]?.text)};\n`);
writeFileSync('build/worker/kernelWorker.d.ts', 'declare const text: string;\nexport default text;\n');
