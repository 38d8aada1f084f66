import { describe, message } from '../tensor/check.js';

/** An interpolation kernel: zero from `support` on. */
interface Filter {
  readonly support: number;
  weight(x: number): number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** By Pillow's `Resampling` numbers, which `preprocessor_config.json` uses; 0, nearest, is no filter. */
const FILTERS: Readonly<Record<number, Filter>> = {
  1: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  3: { support: 2, weight: cubic },
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  5: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) },
};

/** Keys' cubic with a = −1/2. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/**
 * Resizes interleaved 8-bit pixels as Pillow does: first along rows, then along columns, each result rounded to 8 bits,
 * the filter widened where the image shrinks. `pixels`: (height, width, channels).
 * Source: Pillow, `Image.resize`.
 * @throws RangeError for a `resample` that Pillow does not have.
 */
export function resize(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
  channels: number,
  resample: number,
): Uint8Array {
  if (resample !== 0 && !FILTERS[resample]) {
    throw new RangeError(message('resample', "one of Pillow's 0 to 5", describe(resample)));
  }
  const rows = resizeAxis(pixels, height, width, toWidth, channels, resample);
  return resizeAxis(rows, 1, height, toHeight, toWidth * channels, resample);
}

/** (outer, size, inner) → (outer, toSize, inner). */
function resizeAxis(
  pixels: Uint8Array,
  outer: number,
  size: number,
  toSize: number,
  inner: number,
  resample: number,
): Uint8Array {
  if (size === toSize) return pixels;
  const taps = Array.from({ length: toSize }, (_, i) => tapsOf(i, size, toSize, resample));
  const resized = new Uint8Array(outer * toSize * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < toSize; i++) {
      const { first, weights } = taps[i] as Taps;
      for (let c = 0; c < inner; c++) {
        let sum = 0;
        for (let t = 0; t < weights.length; t++) {
          sum += (weights[t] as number) * (pixels[(o * size + first + t) * inner + c] as number);
        }
        resized[(o * toSize + i) * inner + c] = Math.min(255, Math.max(0, Math.round(sum)));
      }
    }
  }
  return resized;
}

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Source pixels of target pixel `i`, and their weights. */
function tapsOf(i: number, size: number, toSize: number, resample: number): Taps {
  const scale = size / toSize;
  const center = (i + 0.5) * scale;
  const filter = FILTERS[resample];
  if (!filter) return { first: Math.floor(center), weights: [1] };
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const first = Math.max(0, Math.floor(center - support + 0.5));
  const end = Math.min(size, Math.floor(center + support + 0.5));
  const weights = Array.from({ length: end - first }, (_, t) => filter.weight((first + t + 0.5 - center) / stretch));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}
