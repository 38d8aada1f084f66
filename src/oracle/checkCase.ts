import { type AttentionArgs, checkAttentionArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { absoluteError, type Comparison, compare } from './compare.js';
import {
  IMAGE_OUTPUT_NAMES,
  type ImageCaseActuals,
  type ImageCaseInputs,
  type ImageOutputName,
  imageOutputs,
  isImageCase,
  windowsOfCase,
} from './imageCase.js';
import { type Precision, ROUNDINGS } from './precision.js';
import { type RoundedOutputs, roundedWindowAttention } from './roundedWindowAttention.js';

/** Inputs of a case: those of `forward`, and dO where gradients are to be checked. */
export interface CaseInputs extends Omit<AttentionArgs, 'out'> {
  readonly dO?: TensorLike | undefined;
}

/** Tensors that a kernel over windows may return. */
export const OUTPUT_NAMES = ['o', 'lse', 'dQ', 'dK', 'dV', 'dBias', 'dLogitScale'] as const;
export type WindowOutputName = (typeof OUTPUT_NAMES)[number];
export type CaseActuals = { readonly [name in WindowOutputName]?: TensorLike | undefined };
/** Tensors that a verdict may be on. */
export type OutputName = WindowOutputName | ImageOutputName;

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

const FORWARD: readonly string[] = ['o', 'lse'];

/**
 * Judges a kernel's outputs against the float64 truth by FlashAttention's rule,
 * `max|actual − truth| ≤ 2 · max|naive − truth| + floor`, naive being a plain kernel in `dtype` and the floor one
 * rounding of the largest expected value. Where the naive kernel overflows, the actual need only do no worse.
 *
 * `inputs`: as `forward` takes them, dO beside them for gradients; `actuals`: `o`, `lse`, `dQ`, `dK`, `dV`, `dBias`,
 * `dLogitScale`, at least one. Or `inputs` as `shiftedWindowAttention` takes them (`qkv`, `numHeads`, …), `actuals`: `o`
 * `[B, Himg, Wimg, C]`, `dQkv`, `dRelativePositionBias`, `dLogitScale`.
 * Source: Dao-AILab/flash-attention, tests/test_flash_attn.py.
 * @throws TypeError for what is no tensor, no `dO` beside a gradient or an unknown dtype; RangeError for sizes that
 * disagree or no actual at all.
 */
export function checkCase(
  inputs: CaseInputs | ImageCaseInputs,
  actuals: CaseActuals | ImageCaseActuals,
  options: { readonly dtype?: Precision | undefined } = {},
): CaseReport {
  checkObject('inputs', inputs);
  const given = checkObject('actuals', actuals);
  const dtype = checkOneOf('dtype', options.dtype ?? 'float32', Object.keys(ROUNDINGS) as Precision[]);
  const known: readonly OutputName[] = isImageCase(inputs) ? IMAGE_OUTPUT_NAMES : OUTPUT_NAMES;
  const names = known.filter((name) => given[name] !== undefined);
  if (names.length === 0) throw new RangeError(message('actuals', `one of ${known.join(', ')}`, 'none'));
  const withGradients = names.some((name) => !FORWARD.includes(name));
  const { truths, naive } = isImageCase(inputs)
    ? imageYardsticks(inputs, withGradients, dtype)
    : yardsticks(inputs, withGradients, dtype);
  const tensors: { [name in OutputName]?: Verdict } = {};
  for (const name of names) {
    const truth = truths[name];
    if (!truth)
      throw new RangeError(message(`actuals.${name}`, `no ${name} without the input that it belongs to`, name));
    tensors[name] = judge(given[name] as TensorLike, truth, naive[name] as Float64Array, ROUNDINGS[dtype].epsilon);
  }
  return { pass: names.every((name) => tensors[name]?.pass), dtype, tensors };
}

interface Yardsticks {
  readonly truths: { readonly [name in OutputName]?: Tensor };
  readonly naive: { readonly [name in OutputName]?: Float64Array };
}

function yardsticks(inputs: CaseInputs, withGradients: boolean, dtype: Precision): Yardsticks {
  return { truths: truthOf(inputs, withGradients), naive: naiveOf(inputs, withGradients, dtype) };
}

function imageYardsticks(inputs: ImageCaseInputs, withGradients: boolean, dtype: Precision): Yardsticks {
  const windows = windowsOfCase(inputs, withGradients);
  const truths = Object.entries(truthOf(windows.inputs, withGradients)).map(
    ([name, { data }]) => [name, data] as const,
  );
  const naive = imageOutputs(naiveOf(windows.inputs, withGradients, dtype), windows);
  return {
    truths: imageOutputs(Object.fromEntries(truths) as Record<string, Float64Array>, windows),
    naive: Object.fromEntries(Object.entries(naive).map(([name, { data }]) => [name, data as Float64Array])),
  };
}

function truthOf(inputs: CaseInputs, withGradients: boolean): { [name in WindowOutputName]?: Tensor } {
  const { dO, ...args } = inputs;
  const forward = windowAttention(args);
  if (!withGradients) return { ...forward };
  if (dO === undefined) throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  return { ...forward, ...windowAttentionBackward({ ...args, dO }) };
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
