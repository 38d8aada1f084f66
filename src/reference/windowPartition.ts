import { checkRank, checkWindowSize, type Size } from '../arguments/shiftedWindowArgs.js';
import { checkInteger, describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * Cuts an image into windows, row by row: `x` `[B, H, W, C]` → `[B·nW, Wh, Ww, C]`, nW = (H / Wh)(W / Ww).
 * `windowSize`: tokens, one number or `[Wh, Ww]`. Values are copied exactly, to float64.
 * Source: Microsoft Swin-Transformer, `window_partition`.
 * @throws TypeError for what is no float tensor; RangeError unless the window divides H and W.
 */
export function windowPartition(x: TensorLike, windowSize: Size): Tensor<Float64Array> {
  const tensor = checkRank('x', x, '[B, H, W, C]', 4);
  const [B, H, W, C] = tensor.dims as [number, number, number, number];
  const [Wh, Ww] = checkWindowSize(windowSize);
  checkDivides(H, W, Wh, Ww);
  const windows = float64Tensor([B * (H / Wh) * (W / Ww), Wh, Ww, C]);
  const data = toFloat64(tensor);
  forEachToken(B, H, W, Wh, Ww, (image, window) => {
    windows.data.set(data.subarray(image * C, (image + 1) * C), window * C);
  });
  return windows;
}

/**
 * Inverse of `windowPartition`: `windows` `[B·nW, Wh, Ww, C]` → `[B, H, W, C]`.
 * Source: Microsoft Swin-Transformer, `window_reverse`.
 * @throws TypeError for what is no float tensor; RangeError unless the windows tile whole H × W images.
 */
export function windowReverse(windows: TensorLike, windowSize: Size, H: number, W: number): Tensor<Float64Array> {
  const tensor = checkRank('windows', windows, '[B·nW, Wh, Ww, C]', 4);
  const [count, Wh, Ww, C] = tensor.dims as [number, number, number, number];
  const size = checkWindowSize(windowSize);
  if (Wh !== size[0] || Ww !== size[1]) {
    throw new RangeError(message('windows', `windows of ${size.join(' × ')} tokens`, `${Wh} × ${Ww}`));
  }
  checkInteger('H', H, 1);
  checkInteger('W', W, 1);
  checkDivides(H, W, Wh, Ww);
  const nW = (H / Wh) * (W / Ww);
  if (count % nW !== 0) throw new RangeError(message('windows', `a multiple of nW = ${nW} windows`, describe(count)));
  const x = float64Tensor([count / nW, H, W, C]);
  const data = toFloat64(tensor);
  forEachToken(count / nW, H, W, Wh, Ww, (image, window) => {
    x.data.set(data.subarray(window * C, (window + 1) * C), image * C);
  });
  return x;
}

/** @throws RangeError unless Wh divides H and Ww divides W. */
export function checkDivides(H: number, W: number, Wh: number, Ww: number): void {
  if (H % Wh !== 0 || W % Ww !== 0) {
    throw new RangeError(message('windowSize', `a window that divides H × W = ${H} × ${W}`, `${Wh} × ${Ww}`));
  }
}

/** Visits every token with its index in the image layout and in the window layout. */
function forEachToken(
  B: number,
  H: number,
  W: number,
  Wh: number,
  Ww: number,
  visit: (image: number, window: number) => void,
): void {
  for (let b = 0; b < B; b++) {
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        const window = (b * (H / Wh) + Math.floor(y / Wh)) * (W / Ww) + Math.floor(x / Ww);
        visit((b * H + y) * W + x, (window * Wh + (y % Wh)) * Ww + (x % Ww));
      }
    }
  }
}
