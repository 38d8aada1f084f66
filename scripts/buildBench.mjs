// Installs the packages of bench/package.json and compiles bench/ into bench/build: its kernels to WebAssembly, the rest by
// tsc.
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { compile, importedMemory } from './buildWasm.mjs';

const run = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
  execFileSync(command, args, { stdio: 'inherit' });
const installed = 'bench/node_modules/.package-lock.json';
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('bench/package-lock.json').mtimeMs) {
  run('npm', '--prefix', 'bench', 'ci');
}
await compile(['bench/assembly/index.ts', ...importedMemory, '-o', 'bench/build/bench.wasm']);
run('npx', 'tsc', '-p', 'bench/tsconfig.json');
