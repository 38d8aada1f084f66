// What is run in every runtime, from the packed package.
import { cycles } from './cycles.mjs';
import { checkImages } from './images.mjs';
import { int8Digests } from './int8.mjs';
import { suite } from './suite.mjs';

/**
 * @param {Uint8Array[]} files golden files
 * @param {number} count of cycles
 */
export async function results(files, count) {
  const engines = await suite(files);
  const hasWasm = engines.some(({ simd }) => simd === 'simd');
  if (!hasWasm) return { engines };
  const images = await checkImages().then(
    () => 'right',
    (error) => String(error),
  );
  return { engines, images, int8: await int8Digests(), cycles: await cycles(count) };
}
