import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { checkDims, checkObject, checkTensor, describe, message } from '../tensor/check.js';
import { float64Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { type CaseActuals, type CaseInputs, OUTPUT_NAMES, type WindowOutputName } from './checkCase.js';
import { diagnoseImage, type ImageDiagnoses } from './diagnoseImage.js';
import { diagnoseOutput } from './diagnoseOutput.js';
import type { Variant } from './faults.js';
import { faultyProblem } from './faultyProblem.js';
import type { Hypothesis } from './hypothesis.js';
import { type ImageCaseActuals, type ImageCaseInputs, isImageCase } from './imageCase.js';

/** What every wrong output looks like, by its name. */
export type Diagnoses = { readonly [name in WindowOutputName]?: readonly Hypothesis[] };

/** Outputs in the order of what explains what: a fault of one is tried first on those that follow. */
const ORDER: readonly WindowOutputName[] = ['o', 'lse', 'dV', 'dQ', 'dK', 'dBias', 'dLogitScale'];

/**
 * Says what wrong outputs look like: tries every known fault of a kernel on some of the windows, and pairs where no single one
 * explains the output. `inputs` as `checkCase` takes them.
 *
 * Given a tensor O `[B, H, L, D]`, returns its hypotheses, the one that explains it best first; `correct` for a right output,
 * `unexplained` first where nothing explains a wrong one. Given `{ o, lse, dQ, dK, dV, dBias, dLogitScale }`, returns those of
 * every tensor that is not right but for rounding, by its name; gradients need `dO` among the inputs.
 *
 * Given the inputs of `shiftedWindowAttention`, O is `[B, Himg, Wimg, C]` and the others are `dQkv`, `dRelativePositionBias`
 * and `dLogitScale`; faults are those of images: shift, mask, padding, partition, order of channels, and those of windows.
 * @throws TypeError for what is no tensor; RangeError for sizes that disagree or no elements.
 */
export function diagnose(inputs: CaseInputs | ImageCaseInputs, actualO: TensorLike): Hypothesis[];
export function diagnose(inputs: CaseInputs, actuals: CaseActuals): Diagnoses;
export function diagnose(inputs: ImageCaseInputs, actuals: ImageCaseActuals): ImageDiagnoses;
export function diagnose(
  inputs: CaseInputs | ImageCaseInputs,
  actuals: TensorLike | CaseActuals | ImageCaseActuals,
): Hypothesis[] | Diagnoses | ImageDiagnoses {
  checkObject('inputs', inputs);
  checkObject('actuals', actuals);
  const explained = (given: CaseActuals | ImageCaseActuals, argument: string) =>
    isImageCase(inputs) ? diagnoseImage(inputs, given, argument) : explain(inputs, given, argument);
  if ('data' in actuals || 'dims' in actuals) {
    return [...(explained({ o: actuals as TensorLike }, 'actualO').o ?? [])];
  }
  const all = Object.entries(explained(actuals as CaseActuals, 'actuals'));
  return Object.fromEntries(all.filter(([, hypotheses]) => hypotheses[0]?.name !== 'correct'));
}

function explain(inputs: CaseInputs, actuals: CaseActuals, argument: string): Diagnoses {
  const { q, k, v, bias, mask, scale, logitScale, dO } = inputs;
  const args = checkAttentionArgs({ q, k, v, bias, mask, scale, logitScale });
  const { B, H, L } = args;
  const names = ORDER.filter((name) => actuals[name] !== undefined);
  if (names.length === 0) throw new RangeError(message(argument, `one of ${OUTPUT_NAMES.join(', ')}`, 'none'));
  const isBackward = names.some((name) => name.startsWith('d'));
  if (isBackward && dO === undefined)
    throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  const legends: { readonly [name in WindowOutputName]?: readonly [string, readonly number[]] } = {
    lse: ['[B, H, L]', [B, H, L]],
    dBias: ['[H, L, L]', [H, L, L]],
    dLogitScale: ['[H]', [H]],
  };
  const checked = new Map(
    names.map((name) => {
      const [legend, dims] = legends[name] ?? ['[B, H, L, D]', args.q.dims];
      const actual = actuals[name] as TensorLike;
      const isColumn = name === 'dLogitScale' && actual.dims?.length === 3;
      const tensor = checkDims(
        argument === 'actuals' ? `actuals.${name}` : argument,
        actual,
        isColumn ? '[H, 1, 1]' : legend,
        isColumn ? [H, 1, 1] : dims,
      );
      if (tensor.data.length === 0) throw new RangeError(`"${argument}" expected elements, got B = 0`);
      return [name, tensor] as const;
    }),
  );
  // Widened once: the references and the search take these as they are.
  const widened = (x: TensorLike) => float64Tensor(x.dims, toFloat64(x));
  const operands = { q: widened(args.q), k: widened(args.k), v: widened(args.v) };
  const forward = windowAttention({ ...operands, bias, mask, scale, logitScale });
  const ofGradients = isBackward && dO ? { dO: widened(checkTensor('dO', dO)) } : undefined;
  const gradients =
    ofGradients && windowAttentionBackward({ ...operands, ...ofGradients, bias, mask, scale, logitScale });
  const truths: { [name in WindowOutputName]?: { readonly data: Float64Array } | undefined } = {
    ...forward,
    ...gradients,
  };
  const right = { o: forward.o.data, lse: forward.lse.data };
  const problem = faultyProblem({ ...args, ...operands, dO: ofGradients?.dO }, right);
  const hints: Variant[] = [];
  const diagnoses: { [name in WindowOutputName]?: readonly Hypothesis[] } = {};
  for (const [name, tensor] of checked) {
    const truth = truths[name];
    // Large, and no other output's concern.
    delete truths[name];
    if (!truth)
      throw new RangeError(message(`actuals.${name}`, `no ${name} without the input that it belongs to`, name));
    const { hypotheses, fault } = diagnoseOutput(problem, name, toFloat64(tensor), truth.data, hints);
    if (fault) hints.push(fault);
    diagnoses[name] = hypotheses;
  }
  return diagnoses;
}
