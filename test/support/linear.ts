import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** `x Wᵀ + bias` over the last axis, in float64. weight: [out, in], bias: [out]. */
export function linear(x: TensorLike, weight: TensorLike, bias: Float64Array): Tensor<Float64Array> {
  const [outputs, inputs] = weight.dims as [number, number];
  const w = toFloat64(weight);
  const data = toFloat64(x);
  const rows = data.length / inputs;
  const y = float64Tensor([...x.dims.slice(0, -1), outputs]);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o] as number;
      for (let i = 0; i < inputs; i++) sum += (w[o * inputs + i] as number) * (data[row * inputs + i] as number);
      y.data[row * outputs + o] = sum;
    }
  }
  return y;
}
