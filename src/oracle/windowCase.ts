import { type AttentionShape, checkAttentionArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { checkDims, describe, message } from '../tensor/check.js';
import { toFloat64 } from '../tensor/tensor.js';
import {
  type Allowed,
  type Judged,
  judgedNothing,
  judgeWindows,
  type StretchArgs,
  type Sums,
  storageOf,
  WINDOW_TENSORS,
  type WindowTensor,
} from './judgeWindows.js';
import { type Precision, ROUNDINGS } from './precision.js';
import type { Products } from './products.js';
import { Tallier } from './tallier.js';
import { makeTally } from './tally.js';
import { type FloatTensor, readAll, type TensorSource } from './tensorSource.js';
import { partOf, type Verdict, verdictOf } from './verdict.js';

/** Windows that are judged at once; fixed, so that sums over windows do not depend on how many threads share them. */
const STRETCH = 64;

/** How a case is judged. */
export interface Judging {
  readonly dtype: Precision;
  readonly allowed?: Allowed | undefined;
  /** What multiplies matrices; TypeScript by default. */
  readonly products?: Products | undefined;
}

/** A case that is judged stretch by stretch, by one thread or several. */
export interface JudgedCase {
  /** Windows or images, and how many of them one stretch has. */
  readonly count: number;
  readonly stretch: number;
  nothing(): Judged;
  judge(first: number, count: number): Judged;
  /** Windows before item `first`: where `joinJudged` puts its stretch. */
  windowsBefore(first: number): number;
  verdicts(judged: Judged): { readonly [name: string]: Verdict };
}

/** Tensors of a case over windows, by the contract's names. */
export interface WindowCaseTensors {
  readonly inputs: { readonly [name: string]: TensorSource | undefined };
  readonly scale: number | undefined;
  readonly actuals: { readonly [name: string]: TensorSource | undefined };
}

const LEGENDS: { readonly [name in WindowTensor]: string } = {
  o: '[B, H, L, D]',
  lse: '[B, H, L]',
  dQ: '[B, H, L, D]',
  dK: '[B, H, L, D]',
  dV: '[B, H, L, D]',
};
const GRADIENTS: readonly string[] = ['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'];

/**
 * A case over separate windows.
 * @throws TypeError for what is no tensor, or no dO beside a gradient; RangeError for sizes that disagree.
 */
export function windowCase({ inputs, scale, actuals }: WindowCaseTensors, judging: Judging): JudgedCase {
  const { dtype, allowed, products } = judging;
  const withGradients = GRADIENTS.some((name) => actuals[name]);
  const args = checkedInputs(inputs, scale, withGradients);
  const { B, H, L, D } = args.shape;
  const names = WINDOW_TENSORS.filter((name) => actuals[name]);
  for (const name of names) {
    const expected = name === 'lse' ? [B, H, L] : [B, H, L, D];
    const { dims } = actuals[name] as TensorSource;
    if (dims.length !== expected.length || expected.some((size, i) => size !== dims[i])) {
      throw new RangeError(
        message(`actuals.${name}`, `dims ${LEGENDS[name]} = [${expected.join(', ')}]`, `[${dims.join(', ')}]`),
      );
    }
  }
  const summed = summedActuals(actuals, args.shape, {
    dBias: args.bias !== undefined,
    dLogitScale: args.logitScale !== undefined,
  });
  return {
    count: B,
    stretch: STRETCH,
    nothing: () =>
      judgedNothing(args.shape, names, {
        dBias: withGradients && !!args.bias,
        dLogitScale: withGradients && !!args.logitScale,
      }),
    judge: (first, count) =>
      judgeWindows({
        args: args.stretch(first, count),
        first,
        total: B,
        dtype,
        allowed,
        products,
        actuals: Object.fromEntries(names.map((name) => [name, (actuals[name] as TensorSource).read(first, count)])),
      }),
    windowsBefore: (first) => first,
    verdicts(judged) {
      const epsilon = ROUNDINGS[dtype].epsilon;
      const own = names.map((name) => {
        const rule = { epsilon: name === 'lse' ? 2 ** -23 : epsilon, allowed };
        const { dims } = actuals[name] as TensorSource;
        return [name, verdictOf([partOf(judged.tallies[name] as never, dims)], rule)] as const;
      });
      return Object.fromEntries([...own, ...summedVerdicts(judged, summed, judging, args.shape)]);
    },
  };
}

/** Actual gradients that are summed over windows, checked. */
export interface SummedActuals {
  readonly dBias?: FloatTensor | undefined;
  readonly dLogitScale?: FloatTensor | undefined;
}

export function summedActuals(
  actuals: WindowCaseTensors['actuals'],
  { H, L }: AttentionShape,
  has: { readonly dBias: boolean; readonly dLogitScale: boolean },
  nameOfBias = 'dBias',
): SummedActuals {
  const bias = actuals[nameOfBias];
  for (const [name, isThere] of [
    [nameOfBias, has.dBias],
    ['dLogitScale', has.dLogitScale],
  ] as const) {
    if (actuals[name] && !isThere)
      throw new RangeError(message(`actuals.${name}`, `no ${name} without the input that it belongs to`, name));
  }
  const { dLogitScale } = actuals;
  const isColumn = dLogitScale?.dims.length === 3;
  return {
    dBias: bias && checkDims(`actuals.${nameOfBias}`, readAll(bias), '[H, L, L]', [H, L, L]),
    dLogitScale:
      dLogitScale &&
      checkDims(
        'actuals.dLogitScale',
        readAll(dLogitScale),
        isColumn ? '[H, 1, 1]' : '[H]',
        isColumn ? [H, 1, 1] : [H],
      ),
  };
}

/** Verdicts on the gradients that are summed over windows, by the names of the window operation. */
export function summedVerdicts(
  judged: Judged,
  actuals: SummedActuals,
  { dtype, allowed }: Judging,
  shape: AttentionShape,
) {
  const { H, L, B } = shape;
  const rule = { epsilon: ROUNDINGS[dtype].epsilon, allowed };
  const verdict = (name: 'dBias' | 'dLogitScale', actual: FloatTensor, sums: Sums, rows: number) => {
    const tally = makeTally(rows > 1 || name === 'dBias' ? { head: H, row: rows, column: rows } : { head: H });
    const tallier = new Tallier(rows, rows, storageOf(name, actual, ROUNDINGS[dtype], allowed));
    const values = toFloat64(actual);
    const size = rows * rows;
    for (let h = 0; h < H; h++) {
      const cut = <T extends Float32Array | Float64Array>(x: T) => x.subarray(h * size, (h + 1) * size) as T;
      const truth = cut(sums.truth);
      tallier.add(tally, {
        actual: cut(values),
        truth,
        naive: cut(sums.naive),
        otherNaive: cut(sums.otherNaive),
        noise: noiseOf(cut(sums.noise), truth, B),
        at: h * size,
        window: -1,
        head: h,
        unit: -1,
      });
    }
    return [name, verdictOf([partOf(tally, actual.dims)], rule)] as const;
  };
  return [
    ...(actuals.dBias && judged.dBias ? [verdict('dBias', actuals.dBias, judged.dBias, L)] : []),
    ...(actuals.dLogitScale && judged.dLogitScale
      ? [verdict('dLogitScale', actuals.dLogitScale, judged.dLogitScale, 1)]
      : []),
  ];
}

/** Variances of a sum over B windows; one that grows steadily rounds by its own size every time. */
function noiseOf(noise: Float64Array, truth: Float64Array, B: number): Float64Array {
  return noise.map((variance, at) => variance + (2 ** -48 / 3) * (B / 3 + 3) * (truth[at] as number) ** 2);
}

interface CheckedInputs {
  readonly shape: AttentionShape;
  readonly bias: FloatTensor | undefined;
  readonly logitScale: FloatTensor | undefined;
  /** Arguments of some windows alone. */
  stretch(first: number, count: number): StretchArgs;
}

/** Checks inputs that may be too large to be in memory: all but the first axis by their first window. */
function checkedInputs(
  inputs: WindowCaseTensors['inputs'],
  scale: number | undefined,
  withGradients: boolean,
): CheckedInputs {
  const { q, k, v, bias, mask, logitScale, dO } = inputs;
  if (withGradients && !dO) throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  const B = q?.dims[0] ?? 0;
  for (const [name, tensor] of Object.entries({ k, v, ...(withGradients && { dO }) })) {
    if (q && tensor && tensor.dims[0] !== B) {
      throw new RangeError(message(name, `dims [B, H, L, D] = [${q.dims.join(', ')}]`, `[${tensor.dims.join(', ')}]`));
    }
  }
  // Masks of several windows fit a batch of as many.
  const wholeMask = mask && readAll(mask);
  const nW = wholeMask?.dims[0] ?? 0;
  if (wholeMask && wholeMask.dims.length === 3 && (nW < 1 || B % nW !== 0)) {
    throw new RangeError(message('mask', `nW that divides B = ${B}`, `nW = ${nW}`));
  }
  const cut = (source: TensorSource | undefined) =>
    source && (source.dims.length > 0 ? source.read(0, Math.min(1, B)) : readAll(source));
  const first = {
    q: cut(q),
    k: cut(k),
    v: cut(v),
    bias: bias && readAll(bias),
    logitScale: logitScale && readAll(logitScale),
    scale,
    mask: B > 0 ? firstMask(wholeMask) : undefined,
  };
  const checked = withGradients
    ? checkAttentionBackwardArgs({ ...first, dO: cut(dO) } as Parameters<typeof checkAttentionBackwardArgs>[0])
    : checkAttentionArgs(first as Parameters<typeof checkAttentionArgs>[0]);
  const { H, L, D } = checked;
  const shape = { B, H, L, D };
  return {
    shape,
    bias: checked.bias,
    logitScale: checked.logitScale,
    stretch: (start, count) => ({
      ...checked,
      B: count,
      nW,
      mask: wholeMask,
      q: (q as TensorSource).read(start, count),
      k: (k as TensorSource).read(start, count),
      v: (v as TensorSource).read(start, count),
      ...(withGradients && { dO: (dO as TensorSource).read(start, count) }),
    }),
  };
}

function firstMask(mask: FloatTensor | undefined): FloatTensor | undefined {
  if (mask?.dims.length !== 3) return mask;
  const [, rows, columns] = mask.dims as [number, number, number];
  return { ...mask, data: (mask.data as Float32Array).subarray(0, rows * columns), dims: [1, rows, columns] };
}
