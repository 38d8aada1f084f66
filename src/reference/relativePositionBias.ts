import { checkWindowSize, type Size } from '../arguments/shiftedWindowArgs.js';
import { checkDims } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * Row of the relative position bias table for every pair of tokens of a window: `[L, L]`, int32, from 0 to
 * (2Wh−1)(2Ww−1) − 1. Source: Microsoft Swin-Transformer, `relative_position_index`.
 * @throws TypeError or RangeError for a window that is no integer ≥ 1 or pair of them.
 */
export function relativePositionIndex(windowSize: Size): Tensor<Int32Array> {
  const [Wh, Ww] = checkWindowSize(windowSize);
  const L = Wh * Ww;
  const data = new Int32Array(L * L);
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      const dy = Math.floor(i / Ww) - Math.floor(j / Ww) + Wh - 1;
      const dx = (i % Ww) - (j % Ww) + Ww - 1;
      data[i * L + j] = dy * (2 * Ww - 1) + dx;
    }
  }
  return { data, dims: [L, L], type: 'int32' };
}

/**
 * Expands a relative position bias table `[(2Wh−1)(2Ww−1), H]` to the bias of every pair of tokens, `[H, L, L]`,
 * float64, values exact. Source: Microsoft Swin-Transformer, `WindowAttention.forward`.
 * @throws TypeError for what is no float tensor; RangeError for a table of another size.
 */
export function relativePositionBias(table: TensorLike, windowSize: Size): Tensor<Float64Array> {
  const [Wh, Ww] = checkWindowSize(windowSize);
  const rows = (2 * Wh - 1) * (2 * Ww - 1);
  const checked = checkDims('table', table, '[(2Wh−1)(2Ww−1), H]', [rows, undefined]);
  const H = checked.dims[1] as number;
  return float64Tensor([H, Wh * Ww, Wh * Ww], expandTable(toFloat64(checked), H, [Wh, Ww], Float64Array));
}

/** `relativePositionBias` of a checked table's values, in an array of the kind that is asked for. */
export function expandTable<T extends Float32Array | Float64Array>(
  values: T,
  H: number,
  windowSize: readonly [number, number],
  Elements: new (length: number) => T,
): T {
  const index = relativePositionIndex(windowSize).data;
  const bias = new Elements(H * index.length);
  for (let h = 0; h < H; h++) {
    index.forEach((row, pair) => {
      bias[h * index.length + pair] = values[row * H + h] as number;
    });
  }
  return bias;
}
