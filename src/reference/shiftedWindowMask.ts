import { checkShiftSize, checkWindowSize, type Size } from '../arguments/shiftedWindowArgs.js';
import { checkInteger } from '../tensor/check.js';
import { float64Tensor, type Tensor } from '../tensor/tensor.js';
import { checkDivides, windowPartition } from './windowPartition.js';

/** What the mask adds to the score of two tokens that the cyclic shift brought together (Microsoft, `attn_mask`). */
export const MASKED = -100;

/**
 * The additive mask of shifted windows: `[nW, L, L]` of 0 and −100, −100 where two tokens of a window come from
 * different regions of the image shifted by `-shiftSize`.
 * `H`, `W`: tokens, multiples of the window. `windowSize`, `shiftSize`: a number or `[h, w]`, shift < window;
 * the shift is taken as given, also along an axis that one window covers.
 * Source: Microsoft Swin-Transformer, `SwinTransformerBlock.attn_mask`.
 * @throws TypeError for a wrong type; RangeError unless the window divides H and W and exceeds the shift.
 */
export function shiftedWindowMask(H: number, W: number, windowSize: Size, shiftSize: Size): Tensor<Float64Array> {
  checkInteger('H', H, 1);
  checkInteger('W', W, 1);
  const [Wh, Ww] = checkWindowSize(windowSize);
  const [sh, sw] = checkShiftSize(shiftSize, [Wh, Ww]);
  checkDivides(H, W, Wh, Ww);
  const regions = float64Tensor([1, H, W, 1]);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) regions.data[y * W + x] = 3 * regionAlong(y, H, Wh, sh) + regionAlong(x, W, Ww, sw);
  }
  const ids = windowPartition(regions, [Wh, Ww]).data;
  const L = Wh * Ww;
  const mask = float64Tensor([ids.length / L, L, L]);
  for (let row = 0; row < ids.length; row++) {
    const window = Math.floor(row / L) * L;
    for (let j = 0; j < L; j++) mask.data[row * L + j] = ids[row] === ids[window + j] ? 0 : MASKED;
  }
  return mask;
}

/** Region of a shifted coordinate along one axis: 0 whole windows, 1 the last window's own part, 2 what wrapped round. */
function regionAlong(y: number, size: number, window: number, shift: number): number {
  if (shift === 0 || y < size - window) return 0;
  return y < size - shift ? 1 : 2;
}
