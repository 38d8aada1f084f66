import type { PackagedKernel } from './kernelSource.js';

/**
 * The kernels as text in a module of their own: found by every bundler and every runtime without a file to read or
 * fetch, and imported by the first engine. Hexadecimal digits, which compress better than base64.
 */
export const inlineKernel: PackagedKernel = async (simd) => {
  const { hex, relaxedEdits } = await import('../../build/wasm/inline.js');
  const bytes = fromHex(hex);
  return simd === 'simd' ? bytes : applyEdits(bytes, relaxedEdits);
};

/**
 * The relaxed-SIMD kernel travels as its difference from the plain one: "hex skip length" items, each inserting bytes,
 * then copying `length` of the plain kernel's from `skip` behind the last copied on.
 */
function applyEdits(plain: Uint8Array, edits: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let from = 0;
  for (const edit of edits.split(';')) {
    const [inserted = '', skip, length] = edit.split(' ');
    from += Number(skip);
    bytes.push(...fromHex(inserted), ...plain.subarray(from, from + Number(length)));
    from += Number(length);
  }
  return Uint8Array.from(bytes);
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
