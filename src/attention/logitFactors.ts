import { clampLogitScale } from '../reference/scores.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';

/** `exp(min(logitScale, ln 100))` of every head. */
export function logitFactors(logitScale: TensorLike): Float64Array {
  return toFloat64(logitScale).map((value) => Math.exp(clampLogitScale(value)));
}
