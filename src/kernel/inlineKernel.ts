import type { PackagedKernel } from './kernelSource.js';

/**
 * The kernels as text in a module of their own: found by every bundler and every runtime without a file to read or
 * fetch, and imported by the first engine. Deflated, in base64.
 */
export const inlineKernel: PackagedKernel = async (simd) => {
  const { deflated, plainLength } = await import('../../build/wasm/inline.js');
  const bytes = await inflate(Uint8Array.from(atob(deflated), (letter) => letter.charCodeAt(0)));
  const plain = bytes.slice(0, plainLength);
  return simd === 'simd' ? plain : applyEdits(plain, new TextDecoder().decode(bytes.subarray(plainLength)));
};

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The relaxed-SIMD kernel travels as its difference from the plain one: "hex skip length" items, each inserting bytes,
 * then copying `length` of the plain kernel's from `skip` behind the last copied on.
 */
function applyEdits(plain: Uint8Array, edits: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let from = 0;
  for (const edit of edits.split(';')) {
    const [inserted = '', skip, length] = edit.split(' ');
    for (let i = 0; i < inserted.length; i += 2) bytes.push(Number.parseInt(inserted.slice(i, i + 2), 16));
    from += Number(skip);
    bytes.push(...plain.subarray(from, from + Number(length)));
    from += Number(length);
  }
  return Uint8Array.from(bytes);
}
