import type { Tensor, TensorLike } from 'flash-window-attention';
import type {
  CaseActuals,
  CaseInputs,
  ImageCaseActuals,
  ImageCaseInputs,
  Verdict,
} from 'flash-window-attention/oracle';
import {
  shiftedWindowAttention,
  shiftedWindowAttentionBackward,
  windowAttention,
  windowAttentionBackward,
} from 'flash-window-attention/reference';
import type { ErrorMap } from '../protocol.js';

/** Cells beyond this many along an axis are joined. */
const MOST_CELLS = 48;

type Axis = readonly [axis: number, name: string];

const WINDOWS: readonly [Axis, Axis] = [
  [0, 'window'],
  [1, 'head'],
];
const OF_A_WINDOW: readonly [Axis, Axis] = [
  [2, 'token'],
  [3, 'feature'],
];
const OF_A_HEAD: readonly [Axis, Axis] = [
  [1, 'query'],
  [2, 'key'],
];
const OF_AN_IMAGE: readonly [Axis, Axis] = [
  [1, 'row'],
  [2, 'column'],
];

/** Where the errors lie: in the first tensor that is wrong, or in o. */
export function errorMaps(
  inputs: CaseInputs | ImageCaseInputs,
  actuals: CaseActuals | ImageCaseActuals,
  verdicts: Readonly<Record<string, Verdict>>,
): ErrorMap[] {
  const name = Object.keys(verdicts).find((own) => !verdicts[own]?.pass) ?? 'o';
  const verdict = verdicts[name];
  const actual = (actuals as Readonly<Record<string, TensorLike>>)[name];
  const truth = truthOf(inputs, name);
  if (!verdict || !actual || !truth) return [];
  const map = (title: string, [down, across]: readonly [Axis, Axis]) =>
    mapOf(`${name} ${title}`, actual, truth, verdict.tolerance, down, across);
  if (name === 'dBias' || name === 'dRelativePositionBias') return [map('over a window', OF_A_HEAD)];
  if ('qkv' in inputs) return truth.dims.length === 4 ? [map('over the image', OF_AN_IMAGE)] : [];
  if (name === 'lse') return [map('over windows and heads', WINDOWS)];
  if (truth.dims.length < 4) return [];
  return [map('over windows and heads', WINDOWS), map('within a window', OF_A_WINDOW)];
}

function truthOf(inputs: CaseInputs | ImageCaseInputs, name: string): Tensor<Float64Array> | undefined {
  const { dO, ...args } = inputs;
  const isForward = name === 'o' || name === 'lse';
  if ('qkv' in args) {
    if (isForward) return shiftedWindowAttention(args);
    const outputs: object = dO ? shiftedWindowAttentionBackward({ ...args, dO }) : {};
    return (outputs as Record<string, Tensor<Float64Array>>)[name];
  }
  const forward = args as CaseInputs;
  const outputs: object = isForward ? windowAttention(forward) : dO ? windowAttentionBackward({ ...forward, dO }) : {};
  return (outputs as Record<string, Tensor<Float64Array>>)[name];
}

/** Largest errors over tolerance along two axes. */
function mapOf(
  title: string,
  actual: TensorLike,
  truth: Tensor<Float64Array>,
  tolerance: number,
  [downAxis, down]: Axis,
  [acrossAxis, across]: Axis,
): ErrorMap {
  const { dims } = truth;
  const [sizeDown, sizeAcross] = [dims[downAxis] as number, dims[acrossAxis] as number];
  const [rows, columns] = [Math.min(sizeDown, MOST_CELLS), Math.min(sizeAcross, MOST_CELLS)];
  const stride = (axis: number) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const [strideDown, strideAcross] = [stride(downAxis), stride(acrossAxis)];
  const cells = new Array<number>(rows * columns).fill(0);
  truth.data.forEach((expected, at) => {
    const row = Math.floor(((Math.floor(at / strideDown) % sizeDown) * rows) / sizeDown);
    const column = Math.floor(((Math.floor(at / strideAcross) % sizeAcross) * columns) / sizeAcross);
    const error = Math.abs(Number(actual.data[at]) - expected) / tolerance;
    const cell = row * columns + column;
    // NaN is no smaller than any error.
    cells[cell] = Math.max(cells[cell] as number, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  });
  return { title, rows, columns, cells, down, across };
}
