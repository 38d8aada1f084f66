import { type QuantizedRows, quantizeWeight } from '../reference/linearInt8.js';
import { releasableBytes, releaseElements } from '../safetensors/releasable.js';
import { numberToBfloat16, numberToFloat16 } from '../tensor/half.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32 } from '../tensor/tensor.js';

/** What the weights of linear layers are kept as. */
export const WEIGHT_DTYPES = ['float32', 'float16', 'bfloat16', 'int8'] as const;
export type WeightDType = (typeof WEIGHT_DTYPES)[number];

/** A matrix `[out, in]` of int8 with a scale for each output: what `quantizeWeight` makes, and what int8 files hold. */
export interface QuantizedWeight extends QuantizedRows<Int8Array> {
  readonly type: 'int8';
}

/** A linear layer's matrix `[out, in]`, as it came. */
export type LinearWeight = TensorLike | QuantizedWeight;

export function isQuantized(weight: LinearWeight): weight is QuantizedWeight {
  return weight.type === 'int8';
}

/** The matrix in int8; itself where it is. @throws RangeError for weights that are not finite. */
export function quantized(weight: LinearWeight): QuantizedWeight {
  return isQuantized(weight) ? weight : { ...quantizeWeight(weight), type: 'int8' };
}

/** The matrix in floats, as it came or what its integers stand for. */
export function floats(weight: LinearWeight): TensorLike {
  return isQuantized(weight) ? dequantized(weight) : weight;
}

/** The numbers that a matrix kept as `dtype` stands for; as it came where `dtype` is undefined. */
export function roundedWeight(weight: LinearWeight, dtype: WeightDType | undefined): TensorLike {
  if (dtype === 'int8') return dequantized(quantized(weight));
  const own = floats(weight);
  if (dtype === undefined || dtype === own.type) return own;
  const values = toFloat32(own);
  if (dtype === 'float32') return float32Tensor(own.dims, values);
  const encode = dtype === 'float16' ? numberToFloat16 : numberToBfloat16;
  return { data: Uint16Array.from(values, encode), dims: own.dims, type: dtype };
}

/** The rows of matrices of equal width, which are released, one after another; a matrix alone as it is. */
export function stacked(parts: readonly LinearWeight[]): LinearWeight {
  const [first] = parts as readonly [LinearWeight];
  if (parts.length === 1) return first;
  const outputs = parts.reduce((sum, { dims }) => sum + (dims[0] as number), 0);
  const dims = [outputs, first.dims[1] as number] as const;
  const whole = ofInt8(parts, dims) ?? ofTheSameHalf(parts, dims) ?? floatsOf(parts, dims);
  for (const part of parts) releaseElements(part);
  return whole;
}

function ofInt8(parts: readonly LinearWeight[], dims: readonly [number, number]): QuantizedWeight | undefined {
  if (!parts.every(isQuantized)) return undefined;
  const length = dims[0] * dims[1];
  const data = new Int8Array(releasableBytes(length).buffer, 0, length);
  copyInto(
    data,
    parts.map((part) => part.data),
  );
  const scales = new Float32Array(dims[0]);
  copyInto(
    scales,
    parts.map((part) => part.scales),
  );
  return { data, dims, scales, type: 'int8' };
}

/** Matrices of one half-precision type as the bits that they are. */
function ofTheSameHalf(parts: readonly LinearWeight[], dims: readonly [number, number]): TensorLike | undefined {
  const type = parts[0]?.type;
  if ((type !== 'float16' && type !== 'bfloat16') || parts.some((part) => part.type !== type)) return undefined;
  const length = dims[0] * dims[1];
  const data = new Uint16Array(releasableBytes(2 * length).buffer, 0, length);
  copyInto(
    data,
    parts.map((part) => part.data as Uint16Array),
  );
  return { data, dims, type };
}

function floatsOf(parts: readonly LinearWeight[], dims: readonly [number, number]): TensorLike {
  const length = dims[0] * dims[1];
  const data = new Float32Array(releasableBytes(4 * length).buffer, 0, length);
  copyInto(
    data,
    parts.map((part) => toFloat32(floats(part))),
  );
  return float32Tensor(dims, data);
}

function dequantized({ data, dims, scales }: QuantizedWeight): Tensor<Float32Array> {
  const inputs = dims[1];
  return float32Tensor(
    dims,
    Float32Array.from(data, (value, i) => value * (scales[Math.floor(i / inputs)] as number)),
  );
}

function copyInto<A extends Int8Array | Uint16Array | Float32Array>(whole: A, parts: readonly A[]): void {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
}
