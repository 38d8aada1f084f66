import { type CheckedTensor, checkDims, checkFinite, checkTensor, message } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';
import { checkArguments, WINDOW_ARGUMENTS } from './operationArguments.js';

/**
 * Arguments of windowed attention. Axes: B = images × windows (windows fastest), H heads, L tokens of a window,
 * D features of a head, nW windows of an image.
 */
export interface AttentionArgs {
  /** Queries `[B, H, L, D]`. */
  readonly q: TensorLike;
  /** Keys `[B, H, L, D]`. */
  readonly k: TensorLike;
  /** Values `[B, H, L, D]`. */
  readonly v: TensorLike;
  /** Relative position bias `[H, L, L]`, added to the scaled scores. */
  readonly bias?: TensorLike | undefined;
  /** Additive mask `[nW, L, L]`; window `b` uses `mask[b % nW]`. */
  readonly mask?: TensorLike | undefined;
  /** Factor of the scores; `D ** -0.5` when absent. */
  readonly scale?: number | undefined;
  /** `[H]` or `[H, 1, 1]`: selects Swin V2's cosine attention with logits times `exp(min(logitScale, ln 100))`. */
  readonly logitScale?: TensorLike | undefined;
  /** Tensor `[B, H, L, D]` that the engine's `forward` writes the output to. The reference and `backward` ignore it. */
  readonly out?: TensorLike | undefined;
}

/** Arguments of the backward pass: the forward's, and the gradient of its output. */
export interface AttentionBackwardArgs extends AttentionArgs {
  /** Gradient of the loss with respect to the output, `[B, H, L, D]`. */
  readonly dO: TensorLike;
}

/** Sizes of one attention problem. */
export interface AttentionShape {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
}

/** `AttentionArgs` after every check; `nW` is 0 without a mask. */
export interface CheckedAttentionArgs extends AttentionShape {
  readonly nW: number;
  readonly q: CheckedTensor;
  readonly k: CheckedTensor;
  readonly v: CheckedTensor;
  readonly bias: CheckedTensor | undefined;
  readonly mask: CheckedTensor | undefined;
  readonly logitScale: CheckedTensor | undefined;
  /** 1 under cosine attention, whose factor is the logit scale. */
  readonly scale: number;
}

/** `AttentionBackwardArgs` after every check. */
export interface CheckedAttentionBackwardArgs extends CheckedAttentionArgs {
  readonly dO: CheckedTensor;
}

const Q_LEGEND = '[B, H, L, D]';

/**
 * Checks every argument of `forward` against the others.
 * @throws TypeError for what is no tensor, or for `scale` beside `logitScale`; RangeError for shapes that disagree.
 */
export function checkAttentionArgs(args: AttentionArgs): CheckedAttentionArgs {
  checkArguments(args, WINDOW_ARGUMENTS);
  const q = checkTensor('q', args.q);
  if (q.dims.length !== 4) throw new RangeError(message('q', `dims ${Q_LEGEND}`, `[${q.dims.join(', ')}]`));
  const [B, H, L, D] = q.dims as [number, number, number, number];
  if (H < 1 || L < 1 || D < 1) {
    throw new RangeError(message('q', `dims ${Q_LEGEND} with H, L, D ≥ 1`, `[${q.dims.join(', ')}]`));
  }
  const k = checkDims('k', args.k, Q_LEGEND, q.dims);
  const v = checkDims('v', args.v, Q_LEGEND, q.dims);
  const bias = args.bias === undefined ? undefined : checkDims('bias', args.bias, '[H, L, L]', [H, L, L]);
  const mask = args.mask === undefined ? undefined : checkMask(args.mask, B, L);
  if (args.scale !== undefined && args.logitScale !== undefined) {
    throw new TypeError('"scale" expected to be absent beside "logitScale": cosine attention takes its factor from it');
  }
  const logitScale = args.logitScale === undefined ? undefined : checkLogitScale(args.logitScale, H);
  const scale = args.scale === undefined ? D ** -0.5 : checkFinite('scale', args.scale);
  return { B, H, L, D, nW: mask?.dims[0] ?? 0, q, k, v, bias, mask, logitScale, scale: logitScale ? 1 : scale };
}

/** `checkAttentionArgs`, and `dO` of the shape of `q`. */
export function checkAttentionBackwardArgs(args: AttentionBackwardArgs): CheckedAttentionBackwardArgs {
  const checked = checkAttentionArgs(args);
  return { ...checked, dO: checkDims('dO', args.dO, Q_LEGEND, checked.q.dims) };
}

/** `[H]` or `[H, 1, 1]`. */
export function checkLogitScale(logitScale: TensorLike, H: number): CheckedTensor {
  const column = (logitScale as Partial<TensorLike> | null)?.dims?.length === 3;
  return checkDims('logitScale', logitScale, column ? '[H, 1, 1]' : '[H]', column ? [H, 1, 1] : [H]);
}

function checkMask(mask: TensorLike, B: number, L: number): CheckedTensor {
  const checked = checkDims('mask', mask, '[nW, L, L]', [undefined, L, L]);
  const nW = checked.dims[0] as number;
  if (nW < 1) throw new RangeError(message('mask', 'dims [nW, L, L] with nW ≥ 1', `[${checked.dims.join(', ')}]`));
  if (B % nW !== 0) throw new RangeError(message('mask', `nW that divides B = ${B}`, `nW = ${nW}`));
  return checked;
}
