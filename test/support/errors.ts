import { type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** Largest |x|, finite elements only. */
export function maxAbs(tensor: TensorLike): number {
  return toFloat64(tensor).reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);
}

/** Largest |actual − expected|; Infinity where one is NaN or infinite and the other is not the same, or sizes differ. */
export function maxError(actual: TensorLike, expected: TensorLike): number {
  if (actual.data.length !== expected.data.length) return Number.POSITIVE_INFINITY;
  const a = toFloat64(actual);
  return toFloat64(expected).reduce((max, e, i) => {
    const value = a[i] as number;
    if (Object.is(value, e) || value === e) return max;
    const error = Math.abs(value - e);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(max, error);
  }, 0);
}

/** `maxError` relative to the largest expected value. */
export function relativeError(actual: TensorLike, expected: TensorLike): number {
  const error = maxError(actual, expected);
  return error === 0 ? 0 : error / maxAbs(expected);
}

/** Largest |actual − expected| as a share of its element's bound; Infinity where `maxError` is, or a bound is no number. */
export function shareOfBound(actual: TensorLike, expected: TensorLike, bound: TensorLike): number {
  const [a, e, b] = [actual, expected, bound].map(toFloat64) as [Float64Array, Float64Array, Float64Array];
  if (a.length !== e.length || b.length !== e.length) return Number.POSITIVE_INFINITY;
  return e.reduce((max, value, i) => {
    if (a[i] === value) return max;
    const share = Math.abs((a[i] as number) - value) / (b[i] as number);
    return Number.isNaN(share) ? Number.POSITIVE_INFINITY : Math.max(max, share);
  }, 0);
}
