import { numberToBfloat16, numberToFloat16 } from '../../src/tensor/half.js';
import { type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** The tensor rounded to half precision, as bits. */
export function float64ToHalf(tensor: TensorLike, type: 'float16' | 'bfloat16') {
  const encode = type === 'float16' ? numberToFloat16 : numberToBfloat16;
  return { data: Uint16Array.from(toFloat64(tensor), encode), dims: tensor.dims, type };
}
