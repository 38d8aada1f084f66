import { checkDims, checkTensor, message } from '../tensor/check.js';
import { INT8_CONSTANTS } from '../tensor/int8.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32 } from '../tensor/tensor.js';

const { INT8_CHUNK_DIM, LARGEST_WEIGHT, LARGEST_ACTIVATION, SMALLEST_RANGE } = INT8_CONSTANTS;
/** 1.5 · 2²³: adding it in float32 rounds to an integer, ties to even. */
const ROUNDER = 12582912;

/** A matrix `[rows, columns]` of integers, each row with the scale that makes them numbers again. */
export interface QuantizedRows<A extends Int8Array | Int16Array> {
  readonly data: A;
  readonly dims: readonly [number, number];
  /** `[rows]` */
  readonly scales: Float32Array;
}

/**
 * Rounds a linear layer's weight `[out, in]` to int8, symmetric, one scale an output: `w ≈ data · scale`,
 * `scale = max |w| / 127`, ties to even. Source: Jacob et al. 2018, section 3, without zero points.
 * @throws TypeError for what is no float tensor; RangeError for sizes that disagree or weights that are not finite.
 */
export function quantizeWeight(weight: TensorLike): QuantizedRows<Int8Array> {
  const checked = checkDims('weight', weight, '[out, in]', [undefined, undefined]);
  const dims = checked.dims as [number, number];
  const quantized = { data: new Int8Array(dims[0] * dims[1]), dims, scales: new Float32Array(dims[0]) };
  quantizeRows(toFloat32(checked), quantized, LARGEST_WEIGHT);
  const row = quantized.scales.findIndex((scale) => Number.isNaN(scale));
  if (row >= 0) throw new RangeError(message('weight', 'finite numbers', `others in row ${row}`));
  return quantized;
}

/** As `quantizeWeight`, to int16 with `scale = max |x| / 16383`; NaN for a row with a number that is not finite. */
function quantizeActivations(x: Float32Array, dims: readonly [number, number]): QuantizedRows<Int16Array> {
  const quantized = { data: new Int16Array(x.length), dims, scales: new Float32Array(dims[0]) };
  quantizeRows(x, quantized, LARGEST_ACTIVATION);
  return quantized;
}

function quantizeRows(
  x: Float32Array,
  { data, dims: [rows, columns], scales }: QuantizedRows<Int8Array | Int16Array>,
  largest: number,
): void {
  const { fround } = Math;
  for (let r = 0; r < rows; r++) {
    const from = r * columns;
    let range = SMALLEST_RANGE;
    for (let i = from; i < from + columns; i++) range = Math.max(range, Math.abs(x[i] as number));
    const inverse = fround(largest / range);
    // Of a range that is not finite, the difference is NaN.
    scales[r] = fround(range / largest) + (range - range);
    for (let i = from; i < from + columns; i++) {
      data[i] = fround(fround((x[i] as number) * inverse) + ROUNDER) - ROUNDER;
    }
  }
}

/**
 * `x Wᵀ + bias + residual` in 8-bit weights and 16-bit activations: x `[…, in]`, weight of `quantizeWeight`, bias
 * `[out]`, residual `[…, out]` → `[…, out]`, float32. Each row of x is rounded to int16 with a scale of its own; products
 * are summed exactly over 512 inputs, and these sums in float32, scaled. What it returns is what the kernel `linearInt8`
 * returns, bit by bit: every operation of float32 is rounded here where it is rounded there.
 *
 * A row with a number that is not finite gives NaN.
 * @throws TypeError for what is no float tensor; RangeError for sizes that disagree.
 */
export function linearInt8(
  x: TensorLike,
  weight: QuantizedRows<Int8Array>,
  bias?: TensorLike,
  residual?: TensorLike,
): Tensor<Float32Array> {
  const [outputs, inputs] = weight.dims;
  const checked = checkTensor('x', x);
  if (checked.dims.at(-1) !== inputs) {
    throw new RangeError(message('x', `a last axis of in = ${inputs}`, `[${checked.dims.join(', ')}]`));
  }
  const { fround } = Math;
  const dims = [...checked.dims.slice(0, -1), outputs];
  const b = bias && toFloat32(checkDims('bias', bias, '[out]', [outputs]));
  const added = residual && toFloat32(checkDims('residual', residual, '[…, out]', dims));
  const values = toFloat32(checked);
  const a = quantizeActivations(values, [values.length / inputs, inputs]);
  const y = float32Tensor(dims);
  for (let r = 0; r < a.dims[0]; r++) {
    for (let o = 0; o < outputs; o++) {
      const scale = fround((a.scales[r] as number) * (weight.scales[o] as number));
      let sum = 0;
      for (let first = 0; first < inputs; first += INT8_CHUNK_DIM) {
        let products = 0;
        for (let i = first; i < Math.min(inputs, first + INT8_CHUNK_DIM); i++) {
          products += (a.data[r * inputs + i] as number) * (weight.data[o * inputs + i] as number);
        }
        let share = fround(fround(products) * scale);
        if (first === 0) {
          if (b) share = fround(share + (b[o] as number));
          if (added) share = fround(share + (added[r * outputs + o] as number));
        }
        sum = first === 0 ? share : fround(share + sum);
      }
      y.data[r * outputs + o] = sum;
    }
  }
  return y;
}
