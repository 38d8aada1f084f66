import { checkTensor } from '../tensor/check.js';
import { type FloatType, product, type TensorLike } from '../tensor/tensor.js';

/** A tensor of known type. */
export interface FloatTensor extends TensorLike {
  readonly type: FloatType;
}

/** A tensor that is read in parts along its first axis, so that one larger than memory can be judged. */
export interface TensorSource {
  readonly dims: readonly number[];
  readonly type: FloatType;
  /** Elements `[first, first + count)` of the first axis. */
  read(first: number, count: number): FloatTensor;
}

/** A tensor in memory; parts share its elements. @throws as `checkTensor`. */
export function sourceOf(name: string, tensor: TensorLike): TensorSource {
  const { data, dims, type } = checkTensor(name, tensor);
  const size = product(dims.slice(1));
  return {
    dims,
    type,
    read(first, count) {
      const part = (data as Float32Array).subarray(first * size, (first + count) * size);
      return { data: part, dims: [count, ...dims.slice(1)], type };
    },
  };
}

/** The whole tensor. */
export function readAll(source: TensorSource): FloatTensor {
  return { ...source.read(0, source.dims[0] ?? 1), dims: source.dims };
}
