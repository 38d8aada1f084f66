// Compiles bench/ into bench/build: its baselines to WebAssembly, the rest by tsc. Needs the packages of bench/package.json.
import { execFileSync } from 'node:child_process';
import { compile } from './buildWasm.mjs';

await compile(['bench/assembly/index.ts', '-o', 'bench/build/bench.wasm']);
execFileSync('npx', ['tsc', '-p', 'bench/tsconfig.json'], { stdio: 'inherit' });
