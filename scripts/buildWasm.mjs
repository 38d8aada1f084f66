// Compiles assembly/ to build/wasm/*.wasm, once with plain SIMD and once with relaxed SIMD.
import asc from 'assemblyscript/asc';
import './generateTiles.mjs';

const common = [
  '-O3',
  '--converge',
  '--noAssert',
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '--enable',
  'bulk-memory',
  '--disableWarning',
  '112',
];
/** The memory comes from outside, so that modules and threads can share one; 65535 pages is what engines allow. */
const importedMemory = ['--importMemory', '--initialMemory', '1', '--maximumMemory', '65535'];

/** @param {string[]} flags */
export async function compile(flags) {
  const { error, stderr } = await asc.main([...flags, ...common]);
  const messages = stderr.toString();
  if (error || messages.includes('WARNING')) throw new Error(`${error?.message ?? 'asc warns'}\n${messages}`);
}

await compile(['assembly/index.ts', ...importedMemory, '-o', 'build/wasm/simd.wasm', '-t', 'build/wasm/simd.wat']);
await compile([
  'assembly/index.ts',
  ...importedMemory,
  '-o',
  'build/wasm/relaxed-simd.wasm',
  '--enable',
  'relaxed-simd',
]);
