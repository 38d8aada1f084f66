import { checkDims, checkFinite, checkTensor, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * `(x − mean) / √(variance + eps) · weight + bias` over the last axis: x `[…, C]`, weight and bias `[C]` → `[…, C]`,
 * float64. Source: PyTorch, `F.layer_norm` (biased variance).
 * @throws TypeError for what is no float tensor; RangeError for sizes that disagree or a bad `eps`.
 */
export function layerNorm(x: TensorLike, weight: TensorLike, bias: TensorLike, eps: number): Tensor<Float64Array> {
  const gamma = toFloat64(checkDims('weight', weight, '[C]', [undefined]));
  const C = gamma.length;
  const beta = toFloat64(checkDims('bias', bias, '[C]', [C]));
  const checked = checkTensor('x', x);
  if (checked.dims.at(-1) !== C) {
    throw new RangeError(message('x', `a last axis of C = ${C}`, `[${checked.dims.join(', ')}]`));
  }
  checkFinite('eps', eps);
  const data = toFloat64(checked);
  const y = float64Tensor(checked.dims);
  for (let at = 0; at < data.length; at += C) {
    const row = data.subarray(at, at + C);
    const mean = row.reduce((sum, value) => sum + value, 0) / C;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
    const factor = 1 / Math.sqrt(variance + eps);
    for (let c = 0; c < C; c++) {
      y.data[at + c] = ((row[c] as number) - mean) * factor * (gamma[c] as number) + (beta[c] as number);
    }
  }
  return y;
}
