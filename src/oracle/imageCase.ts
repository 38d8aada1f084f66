import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import {
  type CheckedShiftedWindowArgs,
  checkShiftedWindowArgs,
  type ShiftedWindowArgs,
  type WindowGrid,
} from '../arguments/shiftedWindowArgs.js';
import { shiftMask, splitHeads, windowsOfImage } from '../reference/imageWindows.js';
import { describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { indexOf } from './compare.js';
import { judgedNothing, judgeWindows, type WindowTensor } from './judgeWindows.js';
import { ROUNDINGS } from './precision.js';
import type { Tally } from './tally.js';
import { type FloatTensor, readAll, type TensorSource } from './tensorSource.js';
import { type Part, verdictOf } from './verdict.js';
import { type JudgedCase, type Judging, summedActuals, summedVerdicts } from './windowCase.js';

/** Inputs of a case over images: those of `shiftedWindowAttention`, and dO `[B, Himg, Wimg, C]` for gradients. */
export interface ImageCaseInputs extends ShiftedWindowArgs {
  readonly dO?: TensorLike | undefined;
}

/** Tensors that a kernel over images may return: as `shiftedWindowAttention` and its backward name them. */
export const IMAGE_OUTPUT_NAMES = ['o', 'dQkv', 'dRelativePositionBias', 'dLogitScale'] as const;
export type ImageOutputName = (typeof IMAGE_OUTPUT_NAMES)[number];
export type ImageCaseActuals = { readonly [name in ImageOutputName]?: TensorLike | undefined };

export function isImageCase(inputs: object): inputs is ImageCaseInputs {
  return 'qkv' in inputs && inputs.qkv !== undefined;
}

type FloatImage = Tensor<Float64Array> & FloatTensor;

/** Tensors of a case over images, and its other arguments. */
export interface ImageCaseTensors {
  readonly inputs: { readonly [name: string]: TensorSource | undefined };
  readonly options: Omit<ShiftedWindowArgs, 'qkv' | 'relativePositionBias' | 'logitScale' | 'paddingQkv'>;
  readonly actuals: { readonly [name: string]: TensorSource | undefined };
}

/**
 * A case over images, each judged as the windows that it is cut into; padding belongs to no output.
 * @throws TypeError and RangeError as `shiftedWindowAttention`, and a TypeError for no dO beside a gradient.
 */
export function imageCase({ inputs, options, actuals }: ImageCaseTensors, judging: Judging): JudgedCase {
  const { qkv, relativePositionBias, logitScale, paddingQkv, dO } = inputs;
  const withGradients = ['dQkv', 'dRelativePositionBias', 'dLogitScale'].some((name) => actuals[name]);
  if (withGradients && !dO) throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  const B = qkv?.dims[0] ?? 0;
  const shared = {
    ...options,
    relativePositionBias: relativePositionBias && readAll(relativePositionBias),
    logitScale: logitScale && readAll(logitScale),
    paddingQkv: paddingQkv && readAll(paddingQkv),
  };
  const argsOf = (image: number, count: number) => {
    const part = qkv && (qkv.dims.length > 0 ? qkv.read(image, count) : readAll(qkv));
    return checkShiftedWindowArgs({ ...shared, qkv: part as FloatTensor });
  };
  const checked = argsOf(0, Math.min(1, B));
  const { Himg, Wimg, C, numHeads, headDim, grid } = checked;
  const sizes = [
    ...(withGradients ? [['dO', dO, C] as const] : []),
    ['actuals.o', actuals.o, C] as const,
    ['actuals.dQkv', actuals.dQkv, 3 * C] as const,
  ];
  for (const [name, tensor, channels] of sizes) checkImage(name, tensor, [B, Himg, Wimg, channels]);
  const shape = { B: B * grid.nW, H: numHeads, L: grid.L, D: headDim };
  const summed = summedActuals(
    actuals,
    shape,
    { dBias: relativePositionBias !== undefined, dLogitScale: logitScale !== undefined },
    'dRelativePositionBias',
  );
  const names: WindowTensor[] = [
    ...(actuals.o ? (['o'] as const) : []),
    ...(actuals.dQkv ? (['dQ', 'dK', 'dV'] as const) : []),
  ];
  const tokens = tokensOf(grid, Himg, Wimg);
  const cut = (tensor: FloatTensor, parts: number, padding?: Float64Array) =>
    splitHeads(windowsOfImage(tensor, grid, padding), parts, numHeads, grid.L) as unknown as [
      FloatImage,
      FloatImage,
      FloatImage,
    ];
  return {
    count: B,
    stretch: 1,
    nothing: () =>
      judgedNothing(shape, names, {
        dBias: withGradients && !!relativePositionBias,
        dLogitScale: withGradients && !!logitScale,
      }),
    judge(first, count) {
      const own = argsOf(first, count);
      const [q, k, v] = cut(own.qkv, 3, own.paddingQkv && toFloat64(own.paddingQkv));
      const args = checkAttentionArgs({
        q,
        k,
        v,
        bias: own.relativePositionBias,
        mask: shiftMask(own),
        scale: own.scale,
        logitScale: own.logitScale,
      });
      const [gradient] = withGradients ? cut((dO as TensorSource).read(first, count), 1) : [];
      const [o] = actuals.o ? cut(actuals.o.read(first, count), 1) : [];
      const [dQ, dK, dV] = actuals.dQkv ? cut(actuals.dQkv.read(first, count), 3) : [];
      return judgeWindows({
        args: { ...args, dO: gradient },
        first: first * grid.nW,
        total: shape.B,
        ...judging,
        actuals: { ...(o && { o }), ...(dQ && dK && dV && { dQ, dK, dV }) },
        tokens,
      });
    },
    windowsBefore: (first) => first * grid.nW,
    verdicts(judged) {
      const rule = { epsilon: ROUNDINGS[judging.dtype].epsilon, allowed: judging.allowed };
      const part = (name: WindowTensor, prefix: string, offset: number): Part => ({
        tally: judged.tallies[name] as Tally,
        prefix,
        indexOf: (flat) => imageIndex(flat, checked, tokens, offset),
      });
      const { dBias, dLogitScale } = Object.fromEntries(summedVerdicts(judged, summed, judging, shape));
      return {
        ...(actuals.o && { o: verdictOf([part('o', '', 0)], rule) }),
        ...(actuals.dQkv && {
          dQkv: verdictOf([part('dQ', 'q, ', 0), part('dK', 'k, ', C), part('dV', 'v, ', 2 * C)], rule),
        }),
        ...(dBias && { dRelativePositionBias: dBias }),
        ...(dLogitScale && { dLogitScale }),
      };
    },
  };
}

function checkImage(name: string, tensor: TensorSource | undefined, expected: readonly number[]): void {
  if (!tensor) return;
  const { dims } = tensor;
  if (dims.length === 4 && expected.every((size, i) => size === dims[i])) return;
  const legend = name.endsWith('dQkv') ? '[B, Himg, Wimg, 3C]' : '[B, Himg, Wimg, C]';
  throw new RangeError(message(name, `dims ${legend} = [${expected.join(', ')}]`, `[${dims.join(', ')}]`));
}

/** For every window of an image, y · Wimg + x of its tokens; -1 for padding. */
function tokensOf(grid: WindowGrid, Himg: number, Wimg: number): Int32Array[] {
  const numbers = Float64Array.from({ length: Himg * Wimg }, (_, token) => token + 1);
  const { data } = windowsOfImage(float64Tensor([1, Himg, Wimg, 1], numbers), grid);
  return Array.from({ length: grid.nW }, (_, w) =>
    Int32Array.from(data.subarray(w * grid.L, (w + 1) * grid.L), (number) => number - 1),
  );
}

/** `[b, y, x, channel]` of an element of the windows `[B · nW, H, L, D]`, whose channels begin at `offset`. */
function imageIndex(
  flat: number,
  { grid, numHeads, headDim, Wimg }: CheckedShiftedWindowArgs,
  tokens: readonly Int32Array[],
  offset: number,
): number[] {
  const [window, h, i, d] = indexOf(flat, [Number.POSITIVE_INFINITY, numHeads, grid.L, headDim]) as [
    number,
    number,
    number,
    number,
  ];
  const token = tokens[window % grid.nW]?.[i] as number;
  return [Math.floor(window / grid.nW), Math.floor(token / Wimg), token % Wimg, offset + h * headDim + d];
}
