import { checkDims, checkTensor, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * `x Wᵀ + bias` over the last axis: x `[…, in]`, weight `[out, in]`, bias `[out]` → `[…, out]`, float64.
 * Source: PyTorch, `F.linear`.
 * @throws TypeError for what is no float tensor; RangeError for sizes that disagree.
 */
export function linear(x: TensorLike, weight: TensorLike, bias?: TensorLike): Tensor<Float64Array> {
  const checkedWeight = checkDims('weight', weight, '[out, in]', [undefined, undefined]);
  const [outputs, inputs] = checkedWeight.dims as [number, number];
  const checked = checkTensor('x', x);
  if (checked.dims.at(-1) !== inputs) {
    throw new RangeError(message('x', `a last axis of in = ${inputs}`, `[${checked.dims.join(', ')}]`));
  }
  const b = bias && toFloat64(checkDims('bias', bias, '[out]', [outputs]));
  const w = toFloat64(checkedWeight);
  const data = toFloat64(checked);
  const y = float64Tensor([...checked.dims.slice(0, -1), outputs]);
  for (let at = 0, to = 0; at < data.length; at += inputs, to += outputs) {
    for (let o = 0; o < outputs; o++) {
      let sum = b ? (b[o] as number) : 0;
      for (let i = 0; i < inputs; i++) sum += (data[at + i] as number) * (w[o * inputs + i] as number);
      y.data[to + o] = sum;
    }
  }
  return y;
}
