import { checkWindowSize, type Size } from '../arguments/shiftedWindowArgs.js';
import { checkDims } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { bicubic } from './bicubic.js';

/**
 * A relative position bias table of Swin V1 for another window: `[(2h−1)(2w−1), H]` of `windowSize` →
 * `[(2h'−1)(2w'−1), H]` of `newWindowSize`, float64, bicubic. Swin V2 computes its bias for any window and needs none.
 * Source: Microsoft Swin-Transformer, `load_pretrained`; MMDetection, `SwinTransformer.init_weights`.
 * @throws TypeError for what is no float tensor or window; RangeError for a table of another size.
 */
export function resizeRelativePositionBias(
  table: TensorLike,
  windowSize: Size,
  newWindowSize: Size,
): Tensor<Float64Array> {
  const from = spans(checkWindowSize(windowSize));
  const to = spans(checkWindowSize(newWindowSize));
  const checked = checkDims('table', table, '[(2Wh−1)(2Ww−1), H]', [from[0] * from[1], undefined]);
  const H = checked.dims[1] as number;
  return float64Tensor([to[0] * to[1], H], bicubic(toFloat64(checked), from, to, H));
}

/** Offsets between the tokens of a window, along each axis. */
function spans([h, w]: readonly [number, number]): [number, number] {
  return [2 * h - 1, 2 * w - 1];
}
