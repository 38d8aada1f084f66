import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import { checkShiftedWindowArgs, checkShiftSize } from '../arguments/shiftedWindowArgs.js';
import { shiftMask, splitHeads, windowsOfImage } from '../reference/imageWindows.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from '../reference/shiftedWindowAttentionBackward.js';
import { windowAttention } from '../reference/windowAttention.js';
import { checkDims, describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, toFloat64 } from '../tensor/tensor.js';
import type { WindowOutputName } from './checkCase.js';
import { diagnoseOutput } from './diagnoseOutput.js';
import { faultyProblem } from './faultyProblem.js';
import { type Hypothesis, isExplanation, ROUNDING, rankHypotheses } from './hypothesis.js';
import { IMAGE_OUTPUT_NAMES, type ImageCaseActuals, type ImageCaseInputs, type ImageOutputName } from './imageCase.js';
import { type ImageVariant, imageProblem } from './imageFault.js';
import { ImageSearch } from './imageSearch.js';
import { errorOf, locateErrors, type WrongPlaces } from './locateErrors.js';
import { correct, unexplained } from './outputAsItIs.js';

/** What every wrong output over images looks like, by its name. */
export type ImageDiagnoses = { readonly [name in ImageOutputName]?: readonly Hypothesis[] };

/** Up to here an output is right in float32, and nothing is to be said of it. */
const FLOAT32 = 3e-5;

/**
 * Explains outputs of a kernel over images: by faults of shift, mask, padding, partition and channels, then by those of
 * attention inside of the windows.
 * @throws TypeError and RangeError as `shiftedWindowAttention`, and for actuals of other sizes.
 */
export function diagnoseImage(inputs: ImageCaseInputs, actuals: ImageCaseActuals, argument: string): ImageDiagnoses {
  const { dO, ...forward } = inputs;
  const args = checkShiftedWindowArgs(forward);
  const names = IMAGE_OUTPUT_NAMES.filter((name) => actuals[name] !== undefined);
  if (names.length === 0) throw new RangeError(message(argument, `one of ${IMAGE_OUTPUT_NAMES.join(', ')}`, 'none'));
  const isBackward = names.some((name) => name !== 'o');
  if (isBackward && !dO) throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  const truths: { readonly [name in ImageOutputName]?: Tensor<Float64Array> } = {
    ...(actuals.o && { o: shiftedWindowAttention(forward) }),
    ...(isBackward && dO && shiftedWindowAttentionBackward({ ...forward, dO })),
  };
  const problem = imageProblem(args, checkShiftSize(inputs.shiftSize ?? 0, args.grid.windowSize), dO);
  const hints: ImageVariant[] = [];
  const diagnoses: { [name in ImageOutputName]?: readonly Hypothesis[] } = {};
  for (const name of names) {
    const truth = truths[name];
    if (!truth)
      throw new RangeError(message(`actuals.${name}`, `no ${name} without the input that it belongs to`, name));
    const given = actuals[name] as NonNullable<(typeof actuals)[typeof name]>;
    const isColumn = name === 'dLogitScale' && given.dims?.length === 3;
    const dims = isColumn ? [args.numHeads, 1, 1] : truth.dims;
    const checked = checkDims(
      argument === 'actuals' ? `actuals.${name}` : argument,
      given,
      `[${dims.join(', ')}]`,
      dims,
    );
    const actual = toFloat64(checked);
    if (actual.length === 0) throw new RangeError(`"${argument}" expected elements, got B = 0`);
    const { squares, size } = apart(actual, truth.data);
    const residual = Math.sqrt(squares) / (Math.sqrt(size) || 1);
    const { where, inside, wrong } = placesOf(inputs, name, actual, truth.data);
    const placed = where && { where };
    const plain = residual <= ROUNDING && !where ? correct(residual) : unexplained(inside, where);
    if (residual <= FLOAT32) {
      diagnoses[name] = [plain];
      continue;
    }
    const filled = constant(actual) ?? unstored(name, actual, truth.data, wrong, placed);
    if (filled) {
      diagnoses[name] = [filled, plain];
      continue;
    }
    const isClose = plain.name === 'correct';
    const candidates = isClose ? [] : new ImageSearch(problem, name, actual, truth.data, inside).run(hints);
    const ranked = rankHypotheses(
      candidates.map((candidate) => ({ ...candidate, ...placed })),
      plain,
    );
    const [first] = ranked;
    if (first && first !== plain && isExplanation(first.residual, plain.residual) && first.name !== plain.name) {
      const found = candidates.find(
        (candidate) => candidate.name === first.name && candidate.residual === first.residual,
      );
      if (found) hints.push(found.fault);
      diagnoses[name] = ranked;
      continue;
    }
    const windows = insideWindows(inputs, name, actual, truth.data);
    const explained = windows[0] && !['unexplained', 'correct'].includes(windows[0].name);
    diagnoses[name] = explained ? [...windows.map((hypothesis) => ({ ...hypothesis, ...placed })), plain] : ranked;
  }
  return diagnoses;
}

function apart(actual: Float64Array, truth: Float64Array): { squares: number; size: number } {
  let [squares, size, right] = [0, 0, 0];
  for (let at = 0; at < truth.length; at++) {
    const [x, t] = [actual[at] as number, truth[at] as number];
    if (Number.isNaN(t)) continue;
    squares += errorOf(x, t) ** 2;
    if (Number.isFinite(x)) size += x * x;
    if (Number.isFinite(t)) right += t * t;
  }
  // Outputs that are zeros have no size of their own.
  return { squares, size: size > 1e-12 * right ? size : right };
}

function constant(actual: Float64Array): Hypothesis | undefined {
  const [first] = actual as unknown as [number];
  if (actual.length < 2 || !actual.every((x) => Object.is(x, first))) return undefined;
  const [name, text] =
    first === 0
      ? ['all_zeros', 'all zeros']
      : Number.isNaN(first)
        ? ['all_nan', 'all NaN']
        : ['all_constant', `every element is ${first}`];
  return { name, explanation: `${text}: was the kernel launched, is the output the right buffer?`, residual: 0 };
}

/** Zeros wherever the output is wrong. */
function unstored(
  name: ImageOutputName,
  actual: Float64Array,
  truth: Float64Array,
  wrong: readonly number[],
  placed: { readonly where?: WrongPlaces } | undefined,
): Hypothesis | undefined {
  if (!wrong.every((at) => actual[at] === 0) || !wrong.some((at) => truth[at] !== 0)) return undefined;
  return { name: 'not_stored', explanation: `${name} holds zeros: nothing was stored there`, residual: 0, ...placed };
}

/** Images, rows, columns, channels and windows that are wrong, and the share of the error there. */
function placesOf(
  inputs: ImageCaseInputs,
  name: ImageOutputName,
  actual: Float64Array,
  truth: Float64Array,
): { readonly where: WrongPlaces | undefined; readonly inside: number; readonly wrong: readonly number[] } {
  const { B, Himg, Wimg, C, numHeads, grid } = checkShiftedWindowArgs(withoutGradient(inputs));
  const isSum = name !== 'o' && name !== 'dQkv';
  const width = name === 'o' ? C : 3 * C;
  const axes = isSum
    ? { B: 1, H: numHeads, L: name === 'dLogitScale' ? 1 : grid.L, D: name === 'dLogitScale' ? 1 : grid.L }
    : { B, H: Himg, L: Wimg, D: width };
  const located = locateErrors(actual, truth, axes);
  const tokens = isSum ? undefined : locateErrors(actual, truth, { B: B * Himg * Wimg, H: 1, L: 1, D: width });
  const wrong = tokens
    ? tokens.units.flatMap((token) => tokens.columns.map((column) => token * width + column))
    : [...truth.keys()];
  const { squares, size } = apart(
    Float64Array.from(wrong, (at) => actual[at] as number),
    Float64Array.from(wrong, (at) => truth[at] as number),
  );
  const inside = Math.sqrt(squares) / (Math.sqrt(size) || 1);
  const { windows: images, heads: rows, rows: columns, columns: channels } = located.where ?? {};
  if (isSum) return { where: located.where, inside, wrong };
  const windows = tokens?.where && wrongWindows(inputs, tokens.units);
  const where: WrongPlaces = {
    ...(images && { images }),
    ...(windows && { windows }),
    ...(rows && { rows }),
    ...(columns && { columns }),
    ...(channels && { channels }),
  };
  return { where: Object.keys(where).length > 0 ? where : undefined, inside, wrong };
}

/** Windows of an image that wrong tokens lie in; undefined where every one has some. */
function wrongWindows(inputs: ImageCaseInputs, tokens: readonly number[]): number[] | undefined {
  const { Himg, Wimg, grid } = checkShiftedWindowArgs(withoutGradient(inputs));
  const numbers = Float64Array.from({ length: Himg * Wimg }, (_, token) => token + 1);
  const { data } = windowsOfImage(float64Tensor([1, Himg, Wimg, 1], numbers), grid);
  const windowOf = new Map<number, number>();
  data.forEach((number, at) => {
    if (number > 0) windowOf.set(number - 1, Math.floor(at / grid.L));
  });
  const wrong = new Set(tokens.map((token) => windowOf.get(token % (Himg * Wimg)) as number));
  return wrong.size < grid.nW ? [...wrong].sort((a, b) => a - b) : undefined;
}

function withoutGradient({ dO: _, ...forward }: ImageCaseInputs) {
  return forward;
}

/** What the output looks like as that of windows which are cut, and put back, as they should be. */
function insideWindows(
  inputs: ImageCaseInputs,
  name: ImageOutputName,
  actual: Float64Array,
  truth: Float64Array,
): readonly Hypothesis[] {
  const args = checkShiftedWindowArgs(withoutGradient(inputs));
  const { grid, numHeads: H, B, Himg, Wimg, C } = args;
  type Cut = [Tensor<Float64Array>, Tensor<Float64Array>, Tensor<Float64Array>];
  const cut = (image: Parameters<typeof windowsOfImage>[0], parts: number, padding?: Float64Array) =>
    splitHeads(windowsOfImage(image, grid, padding), parts, H, grid.L) as Cut;
  const [q, k, v] = cut(args.qkv, 3, args.paddingQkv && toFloat64(args.paddingQkv));
  const call = {
    ...{ q, k, v, bias: args.relativePositionBias, mask: shiftMask(args) },
    ...{ scale: args.scale, logitScale: args.logitScale },
  };
  const right = windowAttention(call);
  const [dO] = inputs.dO ? cut(inputs.dO, 1) : [];
  const problem = faultyProblem({ ...checkAttentionArgs(call), dO }, { o: right.o.data, lse: right.lse.data });
  const ofWindows = (output: WindowOutputName, x: Float64Array, t: Float64Array) =>
    diagnoseOutput(problem, output, x, t, []).hypotheses;
  if (name === 'dRelativePositionBias') return ofWindows('dBias', actual, truth);
  if (name === 'dLogitScale') return ofWindows('dLogitScale', actual, truth);
  const parts = name === 'o' ? (['o'] as const) : (['dQ', 'dK', 'dV'] as const);
  // Padding belongs to no output: NaN says that there is nothing to judge.
  const unknown = new Float64Array(parts.length * C).fill(Number.NaN);
  const dims = [B, Himg, Wimg, parts.length * C];
  const ours = cut(float64Tensor(dims, actual), parts.length, unknown);
  const theirs = cut(float64Tensor(dims, truth), parts.length, unknown);
  const wrong = parts.flatMap((part, n) => {
    const hypotheses = ofWindows(
      part,
      (ours[n] as Tensor<Float64Array>).data,
      (theirs[n] as Tensor<Float64Array>).data,
    );
    return hypotheses[0]?.name === 'correct' ? [] : [hypotheses];
  });
  if (wrong.length < 2) return wrong[0] ?? [];
  const firsts = wrong.map(([first]) => first as Hypothesis);
  if (firsts.some(({ name: own }) => own === 'unexplained')) return [];
  return [
    {
      name: [...new Set(firsts.map((first) => first.name))].join(' + '),
      explanation: firsts.map((first) => first.explanation).join('; '),
      residual: Math.max(...firsts.map(({ residual }) => residual)),
    },
  ];
}
