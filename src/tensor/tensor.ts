import { bfloat16ToNumber, float16ToNumber } from './half.js';

/** Floating-point element types that attention accepts. */
export type FloatType = 'float32' | 'float64' | 'float16' | 'bfloat16';

/** Every element type that a tensor of this library may carry. */
export type DType =
  | FloatType
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/** Arrays of float elements; a Float16Array is taken as the Uint16Array of its bits. */
export type FloatData = Float32Array | Float64Array | Uint16Array;

/** Arrays that can hold a tensor's elements. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A contiguous row-major tensor: `data.length === product(dims)`.
 * float16 and bfloat16 elements are the raw bits in a `Uint16Array`.
 */
export interface Tensor<T extends TensorData = TensorData> {
  readonly data: T;
  readonly dims: readonly number[];
  readonly type: DType;
}

/**
 * What functions accept: any object of this shape, tensors of onnxruntime-common and transformers.js included.
 * When `type` is absent it follows from the array; a `Uint16Array` of half-precision bits must name it.
 */
export interface TensorLike {
  readonly data: ArrayLike<unknown>;
  readonly dims: readonly number[];
  readonly type?: string;
}

/** Number of elements of a shape; 1 for the empty shape. */
export function product(dims: readonly number[]): number {
  return dims.reduce((count, dim) => count * dim, 1);
}

/** A float64 tensor of zeros, or over `data` when given. */
export function float64Tensor(
  dims: readonly number[],
  data: Float64Array = new Float64Array(product(dims)),
): Tensor<Float64Array> {
  return { data, dims, type: 'float64' };
}

/** A float32 tensor of zeros, or over `data` when given. */
export function float32Tensor(
  dims: readonly number[],
  data: Float32Array = new Float32Array(product(dims)),
): Tensor<Float32Array> {
  return { data, dims, type: 'float32' };
}

/** The same elements in another shape of equal size. */
export function reshaped({ data, type }: TensorLike, dims: readonly number[]): TensorLike {
  return { data, dims, ...(type !== undefined && { type }) };
}

/** Names of the typed arrays that hold elements or their bits, and those arrays. */
interface ElementArrays {
  readonly Float32Array: Float32Array;
  readonly Float64Array: Float64Array;
  readonly Uint16Array: Uint16Array;
  /** From Node 24 on; TypeScript's lib for Node 20 does not know it. */
  readonly Float16Array: Uint16Array;
  /** Of quantised weights alone. */
  readonly Int8Array: Int8Array;
}

/** Whether `data` is a typed array of that name, whatever realm made it. */
export function isArray<N extends keyof ElementArrays>(data: unknown, name: N): data is ElementArrays[N] {
  return ArrayBuffer.isView(data) && (data as Partial<Float32Array>)[Symbol.toStringTag] === name;
}

/** The elements as float64, exactly; the array itself when it already is a `Float64Array`. */
export function toFloat64(tensor: TensorLike): Float64Array {
  const { data } = tensor;
  if (isArray(data, 'Float64Array')) return data;
  return widen(tensor, new Float64Array(data.length));
}

/** The elements as float32, rounded to nearest; the array itself when it already is a `Float32Array`. */
export function toFloat32(tensor: TensorLike): Float32Array {
  const { data } = tensor;
  if (isArray(data, 'Float32Array')) return data;
  return widen(tensor, new Float32Array(data.length));
}

/** Writes elements `[start, start + target.length)` of a checked float tensor into `target`. */
export function widen<T extends Float32Array | Float64Array>(tensor: TensorLike, target: T, start = 0): T {
  const { data, type } = tensor;
  if (isArray(data, 'Uint16Array')) {
    const decode = type === 'bfloat16' ? bfloat16ToNumber : float16ToNumber;
    for (let i = 0; i < target.length; i++) target[i] = decode(data[start + i] as number);
  } else {
    const values = data as Float32Array | Float64Array;
    const whole = start === 0 && target.length === values.length;
    target.set(whole ? values : values.subarray(start, start + target.length));
  }
  return target;
}
