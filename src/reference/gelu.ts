import { checkTensor } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/**
 * `x · Φ(x)`, Φ the normal distribution, in its exact form by erf: any dims, float64.
 * Source: Hendrycks and Gimpel 2016; PyTorch, `F.gelu`.
 * @throws TypeError for what is no float tensor.
 */
export function gelu(x: TensorLike): Tensor<Float64Array> {
  const checked = checkTensor('x', x);
  return float64Tensor(
    checked.dims,
    Float64Array.from(toFloat64(checked), (value) => 0.5 * value * erfc(-value * Math.SQRT1_2)),
  );
}

/** `1 − erf(x)`, to about 1e-15 of its value. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  return x < 2 ? 1 - erfSeries(x) : erfcFraction(x);
}

/** `2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!` (DLMF 7.6.2), all terms positive. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** `e^(−x²) / √π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …))))` (DLMF 7.9.1), evaluated from its tail. */
function erfcFraction(x: number): number {
  let tail = x;
  for (let n = 60; n >= 1; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
}
