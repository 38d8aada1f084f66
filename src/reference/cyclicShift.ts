import { checkRank } from '../arguments/shiftedWindowArgs.js';
import { checkInteger, describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * Rolls an image along its height and width: `out[b, (y + dy) mod H, (x + dx) mod W] = x[b, y, x]`.
 * `x`: `[B, H, W, C]`, `[dy, dx]`: tokens, any integers, of torch.roll's sign; Swin shifts by `[-shift, -shift]`.
 * Values are copied exactly, to float64. Source: PyTorch, `torch.roll`.
 * @throws TypeError for what is no float tensor or no pair; RangeError for a wrong rank or a shift that is no integer.
 */
export function cyclicShift(x: TensorLike, shift: readonly [number, number]): Tensor<Float64Array> {
  const tensor = checkRank('x', x, '[B, H, W, C]', 4);
  const [B, H, W, C] = tensor.dims as [number, number, number, number];
  if (!Array.isArray(shift) || shift.length !== 2) throw new TypeError(message('shift', '[dy, dx]', describe(shift)));
  const dy = checkInteger('shift[0]', shift[0], Number.MIN_SAFE_INTEGER);
  const dx = checkInteger('shift[1]', shift[1], Number.MIN_SAFE_INTEGER);
  const shifted = float64Tensor(tensor.dims);
  const data = toFloat64(tensor);
  for (let b = 0; b < B; b++) {
    for (let y = 0; y < H; y++) {
      for (let column = 0; column < W; column++) {
        const from = ((b * H + y) * W + column) * C;
        const to = ((b * H + modulo(y + dy, H)) * W + modulo(column + dx, W)) * C;
        shifted.data.set(data.subarray(from, from + C), to);
      }
    }
  }
  return shifted;
}

function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}
