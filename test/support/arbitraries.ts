import fc from 'fast-check';
import { float32Tensor, product, type Tensor } from '../../src/tensor/tensor.js';
import { float64ToHalf } from './half.js';

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

/** Tiles of the kernel are 1, 2 or 4 rows high and 8 or 16 wide: sizes below, at and off their multiples. */
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

const side = fc.integer({ min: 1, max: 11 });
const window = fc.integer({ min: 1, max: 5 });
/** Attention over an image of random size, with random options and element type. */
export const imageProblem = fc
  .record({
    B: fc.integer({ min: 0, max: 2 }),
    Himg: side,
    Wimg: side,
    numHeads: fc.integer({ min: 1, max: 3 }),
    headDim: fc.constantFrom(1, 3, 4, 8, 11),
    windowSize: fc.tuple(window, window),
    shift: fc.tuple(fc.nat(), fc.nat()),
    alwaysShift: fc.boolean(),
    rollBeforePadding: fc.boolean(),
    hasBias: fc.boolean(),
    isCosine: fc.boolean(),
    hasPadding: fc.boolean(),
    type: fc.constantFrom('float32' as const, 'float16' as const, 'bfloat16' as const),
    seed: fc.integer(),
  })
  .map(({ B, Himg, Wimg, numHeads, headDim, shift, hasBias, isCosine, hasPadding, type, seed, ...options }) => {
    const next = randomNumbers(seed);
    const [Wh, Ww] = options.windowSize;
    const L = Wh * Ww;
    const channels = 3 * numHeads * headDim;
    const exact = randomTensor([B, Himg, Wimg, channels], next);
    const qkv = type === 'float32' ? exact : float64ToHalf(exact, type);
    return {
      qkv,
      numHeads,
      ...options,
      shiftSize: [shift[0] % Wh, shift[1] % Ww] as [number, number],
      ...(hasBias && { relativePositionBias: randomTensor([numHeads, L, L], next) }),
      ...(isCosine && { logitScale: randomTensor([numHeads, 1, 1], next) }),
      ...(hasPadding && { paddingQkv: randomTensor([channels], next) }),
    };
  });
