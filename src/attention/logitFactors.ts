import type { KernelMemory } from '../kernel/kernelMemory.js';
import { clampLogitScale } from '../reference/scores.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';

/** Bytes of the kernels' logit factors, one float64 a head; 0 without a logit scale. */
export function logitFactorBytes(logitScale: TensorLike | undefined): number {
  return 8 * (logitScale?.data.length ?? 0);
}

/** Writes `exp(min(logitScale, ln 100))` of every head to `pointer`. */
export function writeLogitFactors(memory: KernelMemory, logitScale: TensorLike | undefined, pointer: number): void {
  if (!logitScale) return;
  const factors = toFloat64(logitScale).map((value) => Math.exp(clampLogitScale(value)));
  memory.doubles(pointer, factors.length).set(factors);
}
