import { checkTensor, describe, message } from '../tensor/check.js';
import { type FloatType, type TensorLike, toFloat64 } from '../tensor/tensor.js';

export interface Tolerance {
  /** Absolute tolerance; that of `torch.testing.assert_close` for the actual's type when absent. */
  readonly atol?: number | undefined;
  /** Relative tolerance, of the expected value; likewise. */
  readonly rtol?: number | undefined;
}

export interface Comparison {
  /** Whether `|actual − expected| ≤ atol + rtol · |expected|` everywhere. */
  readonly pass: boolean;
  readonly maxAbsError: number;
  /** Largest `|actual − expected| / |expected|`; an expected 0 counts only where the actual is none: as Infinity. */
  readonly maxRelError: number;
  /** Largest error in units of the last place that the expected value has in the actual's type. */
  readonly maxUlpError: number;
  /** Where the absolute error is largest, one index an axis; empty for tensors without elements. */
  readonly worstIndex: readonly number[];
  readonly actualAtWorst: number;
  readonly expectedAtWorst: number;
  /** Elements out of tolerance. */
  readonly mismatches: number;
}

// [significant bits, exponent of the smallest normal number, rtol, atol]; tolerances: torch.testing.assert_close.
const FORMATS: Record<FloatType, readonly [number, number, number, number]> = {
  float16: [11, -14, 1e-3, 1e-5],
  bfloat16: [8, -126, 1.6e-2, 1e-5],
  float32: [24, -126, 1.3e-6, 1e-5],
  float64: [53, -1022, 1e-7, 1e-7],
};

/**
 * Compares two tensors of the same dims element by element, in float64. NaN matches NaN, an infinity itself; against
 * anything else either is an infinite error. float32, float64, float16 or bfloat16, dims alike.
 * @throws TypeError for what is no float tensor or a tolerance that is no number; RangeError for dims that differ or a
 * tolerance that is negative or NaN.
 */
export function compare(actual: TensorLike, expected: TensorLike, tolerance: Tolerance = {}): Comparison {
  const a = checkTensor('actual', actual);
  const e = checkTensor('expected', expected);
  if (a.dims.length !== e.dims.length || a.dims.some((dim, i) => dim !== e.dims[i])) {
    throw new RangeError(message('actual', `dims [${e.dims.join(', ')}]`, `[${a.dims.join(', ')}]`));
  }
  const [precision, minExponent, defaultRtol, defaultAtol] = FORMATS[a.type];
  const atol = checkTolerance('atol', tolerance.atol ?? defaultAtol);
  const rtol = checkTolerance('rtol', tolerance.rtol ?? defaultRtol);
  const actuals = toFloat64(a);
  const expecteds = toFloat64(e);
  let maxAbsError = 0;
  let maxRelError = 0;
  let maxUlpError = 0;
  let mismatches = 0;
  let worst = 0;
  for (let i = 0; i < actuals.length; i++) {
    const expectedValue = expecteds[i] as number;
    const error = absoluteError(actuals[i] as number, expectedValue);
    if (error === 0) continue;
    if (error > maxAbsError) {
      maxAbsError = error;
      worst = i;
    }
    maxRelError = Math.max(maxRelError, error / Math.abs(expectedValue) || Number.POSITIVE_INFINITY);
    maxUlpError = Math.max(maxUlpError, error / ulp(expectedValue, precision, minExponent));
    // An infinite expected value would allow any error.
    if (error > atol + rtol * Math.abs(expectedValue) || error === Number.POSITIVE_INFINITY) mismatches++;
  }
  return {
    pass: mismatches === 0,
    maxAbsError,
    maxRelError,
    maxUlpError,
    worstIndex: actuals.length > 0 ? indexOf(worst, a.dims) : [],
    actualAtWorst: actuals[worst] ?? Number.NaN,
    expectedAtWorst: expecteds[worst] ?? Number.NaN,
    mismatches,
  };
}

/** `|actual − expected|`; 0 between NaNs and equal infinities, Infinity where only one side is finite or a number. */
export function absoluteError(actual: number, expected: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const error = Math.abs(actual - expected);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** Row-major index of element `flat`, one number an axis. */
export function indexOf(flat: number, dims: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const dim of [...dims].reverse()) {
    index.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return index;
}

function ulp(value: number, precision: number, minExponent: number): number {
  if (!Number.isFinite(value)) return 1;
  const exponent = value === 0 ? minExponent : Math.max(Math.floor(Math.log2(Math.abs(value))), minExponent);
  return 2 ** (exponent - precision + 1);
}

function checkTolerance(name: string, value: number): number {
  if (typeof value !== 'number') throw new TypeError(message(name, 'a number ≥ 0', describe(value)));
  if (!(value >= 0)) throw new RangeError(message(name, 'a number ≥ 0', describe(value)));
  return value;
}
