import fc from 'fast-check';
import { float32Tensor, product, type Tensor } from '../../src/tensor/tensor.js';

/** Numbers of a seeded stream (mulberry32), from −1 to 1. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** A float32 tensor of `scale` times random numbers. */
export function randomTensor(dims: readonly number[], next: () => number, scale = 1): Tensor<Float32Array> {
  return float32Tensor(
    dims,
    Float32Array.from({ length: product(dims) }, () => scale * next()),
  );
}

/** Tile heights and widths of the kernel are 1, 4, 5 and 4, 8: sizes below, at and off their multiples. */
const L = fc.oneof(fc.constantFrom(1, 3, 4, 5, 7, 8, 9, 16, 49, 64), fc.integer({ min: 1, max: 40 }));
const D = fc.oneof(fc.constantFrom(1, 3, 4, 8, 16, 32, 59), fc.integer({ min: 1, max: 40 }));

/** An attention problem of random shape and random options. */
export const attentionProblem = fc
  .record({
    images: fc.integer({ min: 1, max: 2 }),
    nW: fc.integer({ min: 0, max: 3 }),
    H: fc.integer({ min: 1, max: 3 }),
    L,
    D,
    hasBias: fc.boolean(),
    isCosine: fc.boolean(),
    magnitude: fc.constantFrom(1e-3, 1, 4),
    seed: fc.integer(),
  })
  .map(({ images, nW, H, L: length, D: headDim, hasBias, isCosine, magnitude, seed }) => {
    const next = randomNumbers(seed);
    const B = images * Math.max(nW, 1);
    const tensor = (...dims: number[]) => randomTensor(dims, next, magnitude);
    return {
      q: tensor(B, H, length, headDim),
      k: tensor(B, H, length, headDim),
      v: tensor(B, H, length, headDim),
      ...(hasBias && { bias: tensor(H, length, length) }),
      ...(nW > 0 && { mask: shiftLikeMask([nW, length, length], next) }),
      ...(isCosine && { logitScale: randomTensor([H], next, 5) }),
    };
  });

/** 0, −100 and −∞, as masks have them; a row of −∞ alone now and then. */
function shiftLikeMask(dims: readonly number[], next: () => number): Tensor<Float32Array> {
  const mask = randomTensor(dims, next);
  return float32Tensor(
    dims,
    mask.data.map((x) => (x > 0 ? 0 : x > -0.8 ? -100 : Number.NEGATIVE_INFINITY)),
  );
}
