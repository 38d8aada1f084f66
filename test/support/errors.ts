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
