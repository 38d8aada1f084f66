import { type AttentionArgs, checkAttentionArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { absoluteError, type Comparison, compare } from './compare.js';
import { type Precision, ROUNDINGS } from './precision.js';
import { type RoundedOutputs, roundedWindowAttention } from './roundedWindowAttention.js';

/** Inputs of a case: those of `forward`, and dO where gradients are to be checked. */
export interface CaseInputs extends Omit<AttentionArgs, 'out'> {
  readonly dO?: TensorLike | undefined;
}

/** Tensors that a kernel may return. */
export const OUTPUT_NAMES = ['o', 'lse', 'dQ', 'dK', 'dV', 'dBias', 'dLogitScale'] as const;
export type OutputName = (typeof OUTPUT_NAMES)[number];
export type CaseActuals = { readonly [name in OutputName]?: TensorLike | undefined };

/** Verdict on one tensor. */
export interface Verdict extends Comparison {
  /** `max|naive in that precision − truth|`, the yardstick. */
  readonly naiveError: number;
  /** `maxAbsError / naiveError`; 0 where both are 0. */
  readonly ratio: number;
  /** `2 · naiveError + floor`, the bound of `maxAbsError`. */
  readonly tolerance: number;
  /** Elements by their error: none, then up to each of `HISTOGRAM` times the tolerance, then beyond the last. */
  readonly histogram: readonly number[];
}

/** Bounds of a verdict's histogram, times the tolerance. */
export const HISTOGRAM = [1e-3, 1e-2, 1e-1, 1, 10] as const;

export interface CaseReport {
  readonly pass: boolean;
  readonly dtype: Precision;
  readonly tensors: { readonly [name in OutputName]?: Verdict };
}

const GRADIENTS: readonly string[] = ['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'];

/**
 * Judges a kernel's outputs against the float64 truth by FlashAttention's rule,
 * `max|actual − truth| ≤ 2 · max|naive − truth| + floor`, naive being a plain kernel in `dtype` and the floor one
 * rounding of the largest expected value. Where the naive kernel overflows, the actual need only do no worse.
 *
 * `inputs`: as `forward` takes them, dO beside them for gradients; `actuals`: `o`, `lse`, `dQ`, `dK`, `dV`, `dBias`,
 * `dLogitScale`, at least one. Source: Dao-AILab/flash-attention, tests/test_flash_attn.py.
 * @throws TypeError for what is no tensor, no `dO` beside a gradient or an unknown dtype; RangeError for sizes that
 * disagree or no actual at all.
 */
export function checkCase(
  inputs: CaseInputs,
  actuals: CaseActuals,
  options: { readonly dtype?: Precision | undefined } = {},
): CaseReport {
  checkObject('actuals', actuals);
  const dtype = checkOneOf('dtype', options.dtype ?? 'float32', Object.keys(ROUNDINGS) as Precision[]);
  const names = OUTPUT_NAMES.filter((name) => actuals[name] !== undefined);
  if (names.length === 0) throw new RangeError(message('actuals', `one of ${OUTPUT_NAMES.join(', ')}`, 'none'));
  const withGradients = names.some((name) => GRADIENTS.includes(name));
  const truths = truthOf(inputs, withGradients);
  const naive = naiveOf(inputs, withGradients, dtype);
  const tensors: { [name in OutputName]?: Verdict } = {};
  for (const name of names) {
    const truth = truths[name];
    if (!truth)
      throw new RangeError(message(`actuals.${name}`, `no ${name} without the input that it belongs to`, name));
    tensors[name] = judge(actuals[name] as TensorLike, truth, naive[name] as Float64Array, ROUNDINGS[dtype].epsilon);
  }
  return { pass: names.every((name) => tensors[name]?.pass), dtype, tensors };
}

function truthOf(inputs: CaseInputs, withGradients: boolean): { [name in OutputName]?: Tensor } {
  const forward = windowAttention(inputs);
  if (!withGradients) return { ...forward };
  if (inputs.dO === undefined)
    throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(inputs.dO)));
  return { ...forward, ...windowAttentionBackward({ ...inputs, dO: inputs.dO }) };
}

function naiveOf(inputs: CaseInputs, withGradients: boolean, dtype: Precision): RoundedOutputs {
  const checked =
    withGradients && inputs.dO ? checkAttentionBackwardArgs({ ...inputs, dO: inputs.dO }) : checkAttentionArgs(inputs);
  return roundedWindowAttention(checked, ROUNDINGS[dtype]);
}

function judge(actual: TensorLike, truth: Tensor, naive: Float64Array, epsilon: number): Verdict {
  const naiveError = compare(float64Tensor(truth.dims, naive), truth).maxAbsError;
  const largest = (truth.data as Float64Array).reduce(
    (max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max),
    0,
  );
  const tolerance = 2 * naiveError + epsilon * largest;
  const comparison = compare(actual, truth, { atol: tolerance, rtol: 0 });
  // Where the yardstick itself is infinite, so is the tolerance.
  const pass = comparison.maxAbsError <= tolerance;
  const ratio = comparison.maxAbsError === 0 ? 0 : comparison.maxAbsError / naiveError;
  return { ...comparison, pass, naiveError, ratio, tolerance, histogram: histogramOf(actual, truth, tolerance) };
}

function histogramOf(actual: TensorLike, truth: Tensor, tolerance: number): number[] {
  const counts = new Array<number>(HISTOGRAM.length + 2).fill(0);
  const expected = truth.data as Float64Array;
  toFloat64(actual).forEach((value, at) => {
    const error = absoluteError(value, expected[at] as number);
    const bound = HISTOGRAM.findIndex((factor) => error <= factor * tolerance);
    const bin = error === 0 ? 0 : bound < 0 ? HISTOGRAM.length + 1 : bound + 1;
    counts[bin] = (counts[bin] as number) + 1;
  });
  return counts;
}
