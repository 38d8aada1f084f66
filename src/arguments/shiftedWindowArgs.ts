import {
  type CheckedTensor,
  checkDims,
  checkFinite,
  checkInteger,
  checkTensor,
  describe,
  message,
} from '../tensor/check.js';
import { product, type TensorLike } from '../tensor/tensor.js';
import { checkLogitScale } from './attentionArgs.js';
import { checkArguments, IMAGE_ARGUMENTS } from './operationArguments.js';

/** One size for both axes, or `[height, width]`. */
export type Size = number | readonly [number, number];

/** Arguments of `shiftedWindowAttention`. */
export interface ShiftedWindowArgs {
  /** `[B, Himg, Wimg, 3C]`, channels ordered q|k|v, each head-major: what Swin's `qkv` Linear returns. */
  readonly qkv: TensorLike;
  readonly numHeads: number;
  readonly windowSize: Size;
  /** Cyclic shift towards the origin, 0 by default; smaller than the window. */
  readonly shiftSize?: Size | undefined;
  /**
   * Shift along an axis that one window covers, too: Microsoft's detection backbone and transformers' Swin V2. False by
   * default, which is torchvision's rule.
   */
  readonly alwaysShift?: boolean | undefined;
  /** Shift the image first and pad it then: timm. False by default: padding goes first, and is shifted with the image. */
  readonly rollBeforePadding?: boolean | undefined;
  /** `[numHeads, L, L]`. */
  readonly relativePositionBias?: TensorLike | undefined;
  /** Factor of the scores; `headDim ** -0.5` when absent. */
  readonly scale?: number | undefined;
  /** `[numHeads]` or `[numHeads, 1, 1]`: cosine attention. */
  readonly logitScale?: TensorLike | undefined;
  /** The q|k|v of a padded token, `[3C]`; zeros when absent. */
  readonly paddingQkv?: TensorLike | undefined;
  /** Tensor that the engine writes its one large result to. The reference ignores it. */
  readonly out?: TensorLike | undefined;
}

/** Arguments of the backward pass: the forward's, and the gradient of its output. */
export interface ShiftedWindowBackwardArgs extends ShiftedWindowArgs {
  /** Gradient of the loss with respect to the output, `[B, Himg, Wimg, C]`. */
  readonly dO: TensorLike;
}

/** Where the windows of an image lie: sizes in tokens, after padding. */
export interface WindowGrid {
  readonly windowSize: readonly [number, number];
  /** The shift that is carried out: 0 along an axis that one window covers, unless `alwaysShift` says otherwise. */
  readonly shiftSize: readonly [number, number];
  readonly rollBeforePadding: boolean;
  readonly paddedHeight: number;
  readonly paddedWidth: number;
  /** Windows of one image. */
  readonly nW: number;
  /** Tokens of one window. */
  readonly L: number;
}

export interface CheckedShiftedWindowArgs {
  readonly B: number;
  readonly Himg: number;
  readonly Wimg: number;
  readonly C: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly grid: WindowGrid;
  readonly qkv: CheckedTensor;
  readonly relativePositionBias: CheckedTensor | undefined;
  readonly logitScale: CheckedTensor | undefined;
  readonly paddingQkv: CheckedTensor | undefined;
  readonly scale: number | undefined;
}

/** `ShiftedWindowBackwardArgs` after every check. */
export interface CheckedShiftedWindowBackwardArgs extends CheckedShiftedWindowArgs {
  readonly dO: CheckedTensor;
}

/** Both axes of a window: integers ≥ 1. */
export function checkWindowSize(windowSize: Size): [number, number] {
  const size = checkPair('windowSize', windowSize, 1);
  if (!Number.isSafeInteger(product(size) ** 2)) {
    throw new RangeError(message('windowSize', 'a window whose L × L fits an index', describe(windowSize)));
  }
  return size;
}

/** Both axes of a shift: integers from 0, smaller than the window. */
export function checkShiftSize(shiftSize: Size, windowSize: readonly [number, number]): [number, number] {
  const shift = checkPair('shiftSize', shiftSize, 0);
  if (shift[0] >= windowSize[0] || shift[1] >= windowSize[1]) {
    throw new RangeError(message('shiftSize', `less than windowSize [${windowSize.join(', ')}]`, describe(shiftSize)));
  }
  return shift;
}

/**
 * The grid of windows over an image padded (bottom, right) up to a multiple of the window.
 * The shift falls away along an axis whose window is at least the padded size
 * (torchvision, `shifted_window_attention`), unless `alwaysShift` is set.
 */
export function windowGrid(
  Himg: number,
  Wimg: number,
  windowSize: readonly [number, number],
  shiftSize: readonly [number, number],
  { alwaysShift = false, rollBeforePadding = false }: Pick<ShiftedWindowArgs, 'alwaysShift' | 'rollBeforePadding'> = {},
): WindowGrid {
  const [Wh, Ww] = windowSize;
  const paddedHeight = Math.ceil(Himg / Wh) * Wh;
  const paddedWidth = Math.ceil(Wimg / Ww) * Ww;
  return {
    windowSize,
    shiftSize: alwaysShift ? shiftSize : [Wh >= paddedHeight ? 0 : shiftSize[0], Ww >= paddedWidth ? 0 : shiftSize[1]],
    rollBeforePadding,
    paddedHeight,
    paddedWidth,
    nW: (paddedHeight / Wh) * (paddedWidth / Ww),
    L: Wh * Ww,
  };
}

/**
 * Checks every argument of `shiftedWindowAttention` against the others.
 * @throws TypeError for a wrong type or `scale` beside `logitScale`; RangeError for sizes that disagree.
 */
export function checkShiftedWindowArgs(args: ShiftedWindowArgs): CheckedShiftedWindowArgs {
  checkArguments(args, IMAGE_ARGUMENTS);
  const legend = '[B, Himg, Wimg, 3C]';
  const qkv = checkDims('qkv', args.qkv, legend, [undefined, undefined, undefined, undefined]);
  const [B, Himg, Wimg, channels] = qkv.dims as [number, number, number, number];
  const numHeads = checkInteger('numHeads', args.numHeads, 1);
  if (Himg < 1 || Wimg < 1 || channels < 1 || channels % (3 * numHeads) !== 0) {
    const expected = `dims ${legend} with Himg, Wimg ≥ 1 and C a multiple of numHeads = ${numHeads}`;
    throw new RangeError(message('qkv', expected, `[${qkv.dims.join(', ')}]`));
  }
  const C = channels / 3;
  const windowSize = checkWindowSize(args.windowSize);
  for (const name of ['alwaysShift', 'rollBeforePadding'] as const) {
    if (typeof (args[name] ?? false) !== 'boolean')
      throw new TypeError(message(name, 'a boolean', describe(args[name])));
  }
  const grid = windowGrid(Himg, Wimg, windowSize, checkShiftSize(args.shiftSize ?? 0, windowSize), args);
  const { relativePositionBias: bias, logitScale, paddingQkv, scale } = args;
  if (scale !== undefined && logitScale !== undefined) {
    throw new TypeError('"scale" expected to be absent beside "logitScale": cosine attention takes its factor from it');
  }
  return {
    B,
    Himg,
    Wimg,
    C,
    numHeads,
    headDim: C / numHeads,
    grid,
    qkv,
    relativePositionBias:
      bias === undefined
        ? undefined
        : checkDims('relativePositionBias', bias, '[numHeads, L, L]', [numHeads, grid.L, grid.L]),
    logitScale: logitScale === undefined ? undefined : checkLogitScale(logitScale, numHeads),
    paddingQkv: paddingQkv === undefined ? undefined : checkDims('paddingQkv', paddingQkv, '[3C]', [channels]),
    scale: scale === undefined ? undefined : checkFinite('scale', scale),
  };
}

/** `checkShiftedWindowArgs`, and `dO` of the shape of the output. */
export function checkShiftedWindowBackwardArgs(args: ShiftedWindowBackwardArgs): CheckedShiftedWindowBackwardArgs {
  const checked = checkShiftedWindowArgs(args);
  const { B, Himg, Wimg, C } = checked;
  return { ...checked, dO: checkDims('dO', args.dO, '[B, Himg, Wimg, C]', [B, Himg, Wimg, C]) };
}

/** `checkTensor` of exactly `rank` axes, with every size but the first at least 1. */
export function checkRank(name: string, value: unknown, legend: string, rank: number): CheckedTensor {
  const tensor = checkTensor(name, value);
  if (tensor.dims.length !== rank || tensor.dims.slice(1).some((dim) => dim < 1)) {
    throw new RangeError(message(name, `dims ${legend}, all but the first ≥ 1`, `[${tensor.dims.join(', ')}]`));
  }
  return tensor;
}

function checkPair(name: string, value: Size, min: number): [number, number] {
  if (typeof value === 'number') return [checkInteger(name, value, min), value];
  if (!Array.isArray(value) || value.length !== 2) {
    throw new TypeError(message(name, 'a number or [height, width]', describe(value)));
  }
  return [checkInteger(`${name}[0]`, value[0], min), checkInteger(`${name}[1]`, value[1], min)];
}
