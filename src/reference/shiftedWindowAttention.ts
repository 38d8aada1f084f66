import { checkShiftedWindowArgs, type ShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { type Tensor, toFloat64 } from '../tensor/tensor.js';
import { imageOfWindows, mergeHeads, shiftMask, splitHeads, windowsOfImage } from './imageWindows.js';
import { windowAttention } from './windowAttention.js';

/**
 * Shifted-window attention over an image, step by step in float64:
 * pad → cyclic shift → windowPartition → attention with the shift mask → windowReverse → shift back → crop.
 * `rollBeforePadding` exchanges the first two steps, `alwaysShift` keeps the shift along an axis that one window covers.
 *
 * `qkv` `[B, Himg, Wimg, 3C]` → `[B, Himg, Wimg, C]`, heads merged head-major.
 * Source: torchvision, `shifted_window_attention` between its two Linear layers; for `rollBeforePadding` timm,
 * `SwinTransformerBlock._attn`; for `alwaysShift` Microsoft's detection backbone, `SwinTransformerBlock.forward`.
 * @throws TypeError for a wrong type or `scale` beside `logitScale`; RangeError for sizes that disagree.
 */
export function shiftedWindowAttention(args: ShiftedWindowArgs): Tensor<Float64Array> {
  const checked = checkShiftedWindowArgs(args);
  const { Himg, Wimg, numHeads, grid, relativePositionBias: bias, scale, logitScale } = checked;
  const windows = windowsOfImage(checked.qkv, grid, checked.paddingQkv && toFloat64(checked.paddingQkv));
  const [q, k, v] = splitHeads(windows, 3, numHeads, grid.L) as [Tensor, Tensor, Tensor];
  const { o } = windowAttention({ q, k, v, bias, mask: shiftMask(checked), scale, logitScale });
  return imageOfWindows(mergeHeads([o], grid.windowSize), grid, Himg, Wimg);
}
