import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { toFloat64 } from '../tensor/tensor.js';

/** Swin V2's ceiling of the logit scale, ln 100 (Liu et al. 2022, "Swin Transformer V2"). */
export const MAX_LOGIT_SCALE = Math.log(100);

/** PyTorch's floor of a norm in `F.normalize`. */
export const NORM_FLOOR = 1e-12;

/** One attention problem in float64: the arrays behind checked arguments, and where each window's part begins. */
export interface Problem {
  readonly H: number;
  readonly L: number;
  readonly D: number;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly cosine: boolean;
  /** Factor of head `h`'s scores or cosines. */
  factor(h: number): number;
  /** Writes `bias[h] + mask[b % nW]` to `S` (L, L); zeros where neither is given. */
  initialScores(b: number, h: number, S: Float64Array): void;
}

/** Widens checked arguments to float64. */
export function float64Problem(args: CheckedAttentionArgs): Problem {
  const { H, L, D, nW, scale } = args;
  const bias = args.bias && toFloat64(args.bias);
  const mask = args.mask && toFloat64(args.mask);
  const logitScale = args.logitScale && toFloat64(args.logitScale);
  return {
    H,
    L,
    D,
    q: toFloat64(args.q),
    k: toFloat64(args.k),
    v: toFloat64(args.v),
    cosine: logitScale !== undefined,
    factor: (h) => (logitScale ? logitFactor(logitScale[h] as number) : scale),
    initialScores(b, h, S) {
      for (let ij = 0; ij < L * L; ij++) {
        const fromBias = bias ? (bias[h * L * L + ij] as number) : 0;
        S[ij] = fromBias + (mask ? (mask[(b % nW) * L * L + ij] as number) : 0);
      }
    },
  };
}

/** `min(logitScale, ln 100)`; NaN stays NaN. */
export function clampLogitScale(logitScale: number): number {
  return Math.min(logitScale, MAX_LOGIT_SCALE);
}

/** Factor of a head's cosines, `exp(min(logitScale, ln 100))`. */
export function logitFactor(logitScale: number): number {
  return Math.exp(clampLogitScale(logitScale));
}

/** ‖x‖ of each of the L rows of `x` (L, D) at `offset`, floored at 1e-12. */
export function rowNorms(x: Float64Array, offset: number, L: number, D: number): Float64Array {
  const norms = new Float64Array(L);
  for (let i = 0; i < L; i++) {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += (x[offset + i * D + d] as number) ** 2;
    norms[i] = Math.max(Math.sqrt(sum), NORM_FLOOR);
  }
  return norms;
}

/**
 * Replaces the scores `S` (L, L) by `P = softmax(S)` along rows and writes `logsumexp` of each row to `lse` (L).
 * A row of −∞ alone gives zeros and `lse = −∞` (PyTorch ≥ 2.5).
 */
export function softmaxRows(S: Float64Array, L: number, lse: Float64Array): void {
  for (let i = 0; i < L; i++) {
    const row = S.subarray(i * L, (i + 1) * L);
    let max = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < L; j++) max = Math.max(max, row[j] as number);
    if (max === Number.NEGATIVE_INFINITY) {
      row.fill(0);
      lse[i] = Number.NEGATIVE_INFINITY;
      continue;
    }
    let sum = 0;
    for (let j = 0; j < L; j++) {
      const e = Math.exp((row[j] as number) - max);
      row[j] = e;
      sum += e;
    }
    for (let j = 0; j < L; j++) row[j] = (row[j] as number) / sum;
    lse[i] = max + Math.log(sum);
  }
}
