import { checkShiftedWindowBackwardArgs, type ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import { type Tensor, toFloat64 } from '../tensor/tensor.js';
import { imageOfWindows, mergeHeads, shiftMask, splitHeads, windowsOfImage } from './imageWindows.js';
import { windowAttentionBackward } from './windowAttentionBackward.js';

/** Result of the reference `shiftedWindowAttentionBackward`. */
export interface ShiftedWindowGradients {
  /** `[B, Himg, Wimg, 3C]`. */
  readonly dQkv: Tensor<Float64Array>;
  /** `[numHeads, L, L]`; there when `relativePositionBias` is. */
  readonly dRelativePositionBias?: Tensor<Float64Array>;
  /** `[numHeads]`; there when `logitScale` is. */
  readonly dLogitScale?: Tensor<Float64Array>;
}

/**
 * Gradients of `shiftedWindowAttention`, in float64: dO is cut into windows as qkv is, and the gradients of the windows
 * are put back together as the output is. Padded tokens' gradients are dropped.
 *
 * Arguments as `shiftedWindowAttention`, and dO: `[B, Himg, Wimg, C]`.
 * @throws TypeError and RangeError as `shiftedWindowAttention`.
 */
export function shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): ShiftedWindowGradients {
  const checked = checkShiftedWindowBackwardArgs(args);
  const { Himg, Wimg, numHeads, grid, relativePositionBias: bias, scale, logitScale } = checked;
  const windows = windowsOfImage(checked.qkv, grid, checked.paddingQkv && toFloat64(checked.paddingQkv));
  const [q, k, v] = splitHeads(windows, 3, numHeads, grid.L) as [Tensor, Tensor, Tensor];
  const [dO] = splitHeads(windowsOfImage(checked.dO, grid), 1, numHeads, grid.L);
  const gradients = windowAttentionBackward({ q, k, v, bias, mask: shiftMask(checked), scale, logitScale, dO });
  const { dQ, dK, dV, dBias, dLogitScale } = gradients;
  return {
    dQkv: imageOfWindows(mergeHeads([dQ, dK, dV], grid.windowSize), grid, Himg, Wimg),
    ...(dBias && { dRelativePositionBias: dBias }),
    ...(dLogitScale && { dLogitScale }),
  };
}
