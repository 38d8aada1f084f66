import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { float64Tensor, type Tensor, toFloat64 } from '../tensor/tensor.js';
import { MAX_LOGIT_SCALE, NORM_FLOOR } from './scores.js';

/** Result of the reference backward pass. */
export interface Gradients {
  /** `[B, H, L, D]`. */
  readonly dQ: Tensor<Float64Array>;
  /** `[B, H, L, D]`. */
  readonly dK: Tensor<Float64Array>;
  /** `[B, H, L, D]`. */
  readonly dV: Tensor<Float64Array>;
  /** `[H, L, L]`, summed over B; there when `bias` is. */
  readonly dBias?: Tensor<Float64Array>;
  /** `[H]`; there when `logitScale` is. */
  readonly dLogitScale?: Tensor<Float64Array>;
}

/** Gradient tensors of zeros, to accumulate into. */
export interface GradientAccumulators {
  readonly dQ: Tensor<Float64Array>;
  readonly dK: Tensor<Float64Array>;
  readonly dV: Tensor<Float64Array>;
  readonly dBias: Tensor<Float64Array> | undefined;
  /** Adds one window's `Σ dS ∘ logits` of head `h`; nothing where the logit scale sits above its ceiling. */
  addLogitScale(h: number, sum: number): void;
  result(): Gradients;
}

export function gradientTensors(args: CheckedAttentionArgs): GradientAccumulators {
  const { B, H, L, D } = args;
  const logitScale = args.logitScale && toFloat64(args.logitScale);
  const dQ = float64Tensor([B, H, L, D]);
  const dK = float64Tensor([B, H, L, D]);
  const dV = float64Tensor([B, H, L, D]);
  const dBias = args.bias && float64Tensor([H, L, L]);
  const dLogitScale = logitScale && float64Tensor([H]);
  return {
    dQ,
    dK,
    dV,
    dBias,
    addLogitScale(h, sum) {
      if (!logitScale || !dLogitScale || (logitScale[h] as number) > MAX_LOGIT_SCALE) return;
      dLogitScale.data[h] = (dLogitScale.data[h] as number) + sum;
    },
    result: () => ({ dQ, dK, dV, ...(dBias && { dBias }), ...(dLogitScale && { dLogitScale }) }),
  };
}

/** Replaces dP in `dS` (L, L) by `dS = P ∘ (dP − rowsum(P ∘ dP))`; a row of zero probabilities gives zeros. */
export function softmaxBackward(P: Float64Array, dS: Float64Array, L: number): void {
  for (let i = 0; i < L; i++) {
    let rowSum = 0;
    for (let j = 0; j < L; j++) rowSum += (P[i * L + j] as number) * (dS[i * L + j] as number);
    for (let j = 0; j < L; j++) {
      const ij = i * L + j;
      dS[ij] = (P[ij] as number) * ((dS[ij] as number) - rowSum);
    }
  }
}

/**
 * Backward of `x / max(‖x‖, 1e-12)` by rows: `(dx̂ − x̂ (x̂ · dx̂)) / ‖x‖`, and `dx̂ / 1e-12` where the floor holds.
 * `x` and `dX` at `offset`, `dXHat` (L, D) from 0. Source: PyTorch, `F.normalize`.
 */
export function normalizeBackward(
  x: Float64Array,
  offset: number,
  norms: Float64Array,
  dXHat: Float64Array,
  dX: Float64Array,
  D: number,
): void {
  norms.forEach((norm, i) => {
    let along = 0;
    if (norm > NORM_FLOOR) {
      for (let d = 0; d < D; d++) along += ((x[offset + i * D + d] as number) / norm) * (dXHat[i * D + d] as number);
    }
    for (let d = 0; d < D; d++) {
      const xHat = (x[offset + i * D + d] as number) / norm;
      dX[offset + i * D + d] = ((dXHat[i * D + d] as number) - xHat * along) / norm;
    }
  });
}
