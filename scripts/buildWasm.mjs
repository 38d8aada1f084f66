// Compiles assembly/ to build/wasm/*.wasm: two modules, each once with plain SIMD and once with relaxed SIMD, and the
// oracle's products.
import asc from 'assemblyscript/asc';
import './generateRecords.mjs';
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
export const importedMemory = ['--importMemory', '--initialMemory', '1', '--maximumMemory', '65535'];

/** @param {string[]} flags */
export async function compile(flags) {
  const { error, stderr } = await asc.main([...flags, ...common]);
  const messages = stderr.toString();
  if (error || messages.includes('WARNING')) throw new Error(`${error?.message ?? 'asc warns'}\n${messages}`);
}

for (const [entry, name] of [
  ['index', ''],
  ['model', 'model-'],
]) {
  const flags = [`assembly/${entry}.ts`, ...importedMemory];
  await compile([...flags, '-o', `build/wasm/${name}simd.wasm`, '-t', `build/wasm/${name}simd.wat`]);
  await compile([...flags, '-o', `build/wasm/${name}relaxed-simd.wasm`, '--enable', 'relaxed-simd']);
}

// What multiplies the oracle's matrices has a memory of its own; threads of Node alone load it.
const small = ['--initialMemory', '1', '--maximumMemory', '1024'];
await compile(['assembly/products.ts', ...small, '-o', 'build/wasm/products.wasm']);
