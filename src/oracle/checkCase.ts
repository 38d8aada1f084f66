import type { AttentionArgs } from '../arguments/attentionArgs.js';
import { checkFinite, checkObject, checkOneOf, message } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';
import {
  IMAGE_OUTPUT_NAMES,
  type ImageCaseActuals,
  type ImageCaseInputs,
  type ImageOutputName,
  imageCase,
  isImageCase,
} from './imageCase.js';
import { type Allowed, type Judged, joinJudged } from './judgeWindows.js';
import { checkNames } from './names.js';
import { PRECISIONS, type Precision } from './precision.js';
import { sourceOf, type TensorSource } from './tensorSource.js';
import type { Verdict } from './verdict.js';
import { type JudgedCase, windowCase } from './windowCase.js';

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

export interface CheckOptions {
  /** Precision that the kernel computes in; float32 by default. */
  readonly dtype?: Precision | undefined;
  /** Instead of the rule: `|actual − truth| ≤ atol + rtol · |truth|`; either alone takes 0 for the other. */
  readonly atol?: number | undefined;
  readonly rtol?: number | undefined;
}

export interface CaseReport {
  readonly pass: boolean;
  readonly dtype: Precision;
  readonly tensors: { readonly [name in OutputName]?: Verdict };
}

const INPUT_NAMES = ['q', 'k', 'v', 'bias', 'mask', 'scale', 'logitScale', 'dO'] as const;
const IMAGE_TENSORS = ['qkv', 'relativePositionBias', 'logitScale', 'paddingQkv', 'dO'] as const;
const IMAGE_OPTIONS = ['numHeads', 'windowSize', 'shiftSize', 'scale', 'rollBeforePadding', 'alwaysShift'] as const;

/**
 * Judges a kernel's outputs against the float64 truth by FlashAttention's rule,
 * `max|actual − truth| ≤ 2 · max|naive − truth| + floor`, naive being a plain kernel in `dtype`: the worse of two orders, one
 * operation after the other and fused. The floor is one rounding of the largest expected value. Where the naive kernel is
 * nearly exact by luck, an element may also err by what the magnitudes of its own sums let expect. The rule also holds for
 * every window, head, row and column by itself. Elements where the truth or the naive kernel is not finite are judged apart:
 * they must be what either of them is.
 *
 * `inputs`: as `forward` takes them, dO beside them for gradients; `actuals`: `o`, `lse`, `dQ`, `dK`, `dV`, `dBias`,
 * `dLogitScale`, at least one. Or `inputs` as `shiftedWindowAttention` takes them (`qkv`, `numHeads`, …), `actuals`: `o`
 * `[B, Himg, Wimg, C]`, `dQkv`, `dRelativePositionBias`, `dLogitScale`.
 * Source: Dao-AILab/flash-attention, tests/test_flash_attn.py.
 * @throws TypeError for what is no tensor, an unknown name, no `dO` beside a gradient or an unknown dtype; RangeError for
 * sizes that disagree, a negative tolerance or no actual at all.
 */
export function checkCase(
  inputs: CaseInputs | ImageCaseInputs,
  actuals: CaseActuals | ImageCaseActuals,
  options: CheckOptions = {},
): CaseReport {
  checkObject('inputs', inputs);
  const given = checkObject('actuals', actuals) as { readonly [name: string]: TensorLike | undefined };
  checkNames('options', checkObject('options', options), ['dtype', 'atol', 'rtol']);
  const dtype = checkOneOf('dtype', options.dtype ?? 'float32', PRECISIONS);
  const judging = { dtype, allowed: allowedBy(options) };
  const isImage = isImageCase(inputs);
  const known: readonly OutputName[] = isImage ? IMAGE_OUTPUT_NAMES : OUTPUT_NAMES;
  checkNames('actuals', given, known);
  checkNames('inputs', inputs, isImage ? [...IMAGE_TENSORS, ...IMAGE_OPTIONS] : INPUT_NAMES);
  if (known.every((name) => given[name] === undefined)) {
    throw new RangeError(message('actuals', `one of ${known.join(', ')}`, 'none'));
  }
  const sources = sourcesOf(given, known, 'actuals.');
  const judged = isImage
    ? imageCase({ inputs: sourcesOf(inputs, IMAGE_TENSORS), options: imageOptions(inputs), actuals: sources }, judging)
    : windowCase({ inputs: sourcesOf(inputs, INPUT_NAMES), scale: inputs.scale, actuals: sources }, judging);
  return reportOf(judged, judgeAll(judged), dtype);
}

/** The arguments of an image case that are no tensors. */
export function imageOptions(inputs: Omit<ImageCaseInputs, 'qkv'>) {
  const {
    qkv: _,
    relativePositionBias: _bias,
    logitScale: _scale,
    paddingQkv: _padding,
    dO: _dO,
    ...options
  } = inputs as ImageCaseInputs;
  return options;
}

/** The report on a case all of whose stretches have been judged and joined. */
export function reportOf(judgedCase: JudgedCase, judged: Judged, dtype: Precision): CaseReport {
  const tensors = judgedCase.verdicts(judged);
  return { pass: Object.values(tensors).every(({ pass }) => pass), dtype, tensors };
}

/** Judges stretch by stretch in this thread. */
function judgeAll(judgedCase: JudgedCase): Judged {
  const all = judgedCase.nothing();
  for (let first = 0; first < judgedCase.count; first += judgedCase.stretch) {
    const count = Math.min(judgedCase.stretch, judgedCase.count - first);
    joinJudged(all, judgedCase.judge(first, count), judgedCase.windowsBefore(first));
  }
  return all;
}

/** The tolerance that options set instead of the rule. @throws RangeError for one that is negative or not finite. */
export function allowedBy({ atol, rtol }: CheckOptions): Allowed | undefined {
  if (atol === undefined && rtol === undefined) return undefined;
  const check = (name: string, value: number) => {
    if (checkFinite(name, value) < 0) throw new RangeError(message(name, 'a number ≥ 0', String(value)));
    return value;
  };
  return { atol: check('atol', atol ?? 0), rtol: check('rtol', rtol ?? 0) };
}

function sourcesOf(tensors: object, names: readonly string[], prefix = ''): { [name: string]: TensorSource } {
  const given = tensors as { readonly [name: string]: TensorLike | undefined };
  const present = names.filter((name) => name !== 'scale' && given[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, sourceOf(`${prefix}${name}`, given[name] as TensorLike)]));
}
