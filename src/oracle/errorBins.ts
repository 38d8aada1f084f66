/** Bins of finite errors: 128 an octave, by the upper bits of the error as a float32. */
const BIN_SHIFT = 16;
export const BINS = (0x7f800000 >>> BIN_SHIFT) + 1;

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

export function binOf(error: number): number {
  single[0] = error;
  return (singleBits[0] as number) >>> BIN_SHIFT;
}

/** Elements with an error above `bound`, of those in `bins`; those within 1% of it count as below, unless it is the `largest` that is. */
export function countAbove(bins: Uint32Array, bound: number, largest: number): number {
  const boundary = binOf(bound);
  let count = 0;
  for (let bin = boundary + 1; bin < BINS; bin++) count += bins[bin] as number;
  return count === 0 && largest > bound ? Math.max(1, bins[boundary] as number) : count;
}
