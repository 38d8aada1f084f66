import type { TensorLike } from '../tensor/tensor.js';

/** Bits of the exponent, all of which are set in infinities and NaN alone. */
const EXPONENTS: Readonly<Record<string, number>> = { float16: 0x7c00, bfloat16: 0x7f80, float32: 0x7f800000 };
/**
 * Words that are looked at together, in an array of their own: buffers that can be resized are slow to read. Every tensor
 * leaves such an array to the host, which collects none before loading ends.
 */
const CHUNK = 1024;

/** @throws RangeError naming a tensor that holds NaN or an infinity, with which every result would be NaN. */
export function checkFiniteWeight(name: string, tensor: TensorLike & { readonly type: string }): void {
  const index = firstNonFinite(tensor);
  if (index < 0) return;
  const at = unravel(index, tensor.dims).join(', ');
  throw new RangeError(`tensor ${JSON.stringify(name)} expected finite numbers, got NaN or an infinity at [${at}]`);
}

/** −1 where there is none. */
function firstNonFinite({ data, type }: TensorLike & { readonly type: string }): number {
  const exponent = EXPONENTS[type];
  if (exponent === undefined) return (data as Float64Array).findIndex((value) => !Number.isFinite(value));
  const { buffer, byteOffset, byteLength } = data as unknown as Uint16Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const words = new Uint32Array(Math.min(CHUNK, Math.ceil(byteLength / 4)));
  const chunk = new Uint8Array(words.buffer);
  const isHalf = type !== 'float32';
  // Both halves of a word of half-precision numbers.
  const upper = isHalf ? (exponent << 16) >>> 0 : exponent;
  for (let start = 0; start < byteLength; start += chunk.length) {
    const part = bytes.subarray(start, start + chunk.length);
    chunk.set(part);
    chunk.fill(0, part.length);
    for (let i = 0; i < words.length; i++) {
      const word = words[i] as number;
      if ((word & exponent) === exponent) return isHalf ? start / 2 + 2 * i : start / 4 + i;
      if ((word & upper) >>> 0 === upper) return start / 2 + 2 * i + 1;
    }
  }
  return -1;
}

function unravel(index: number, dims: readonly number[]): number[] {
  let left = index;
  return dims
    .toReversed()
    .map((size) => {
      const at = left % size;
      left = Math.floor(left / size);
      return at;
    })
    .toReversed();
}
