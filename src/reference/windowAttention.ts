import { type AttentionArgs, checkAttentionArgs } from '../arguments/attentionArgs.js';
import { float64Tensor, type Tensor } from '../tensor/tensor.js';
import { float64Problem, type Problem, rowNorms, softmaxRows } from './scores.js';

/** Result of the reference forward pass. */
export interface ReferenceOutput {
  /** Output `[B, H, L, D]`. */
  readonly o: Tensor<Float64Array>;
  /** logsumexp of the scores' rows, `[B, H, L]`. */
  readonly lse: Tensor<Float64Array>;
}

/**
 * Windowed attention, naively, in float64: `S = scale · q kᵀ + bias[h] + mask[b % nW]`, `P = softmax(S)`, `o = P v`.
 * With `logitScale`, q and k are L2-normalised and the scale is `exp(min(logitScale, ln 100))`.
 *
 * q, k, v: `[B, H, L, D]`, bias: `[H, L, L]`, mask: `[nW, L, L]`, logitScale: `[H]` or `[H, 1, 1]`;
 * float32, float64, float16 or bfloat16, all read exactly. `out` is ignored.
 * Source: Liu et al. 2021, equation 4 (V1); Liu et al. 2022, equation 2 (V2).
 * @throws TypeError for what is no float tensor or for `scale` beside `logitScale`; RangeError for sizes that disagree.
 */
export function windowAttention(args: AttentionArgs): ReferenceOutput {
  const checked = checkAttentionArgs(args);
  const { B, H, L, D } = checked;
  const problem = float64Problem(checked);
  const o = float64Tensor([B, H, L, D]);
  const lse = float64Tensor([B, H, L]);
  const S = new Float64Array(L * L);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const window = b * H + h;
      attentionScores(problem, b, h, S);
      softmaxRows(S, L, lse.data.subarray(window * L, (window + 1) * L));
      weightedValues(S, problem, window * L * D, o.data);
    }
  }
  return { o, lse };
}

/** Writes the scores of window `b`, head `h` to `S` (L, L). */
export function attentionScores(problem: Problem, b: number, h: number, S: Float64Array): void {
  const { H, L, D, q, k, cosine } = problem;
  const offset = (b * H + h) * L * D;
  const factor = problem.factor(h);
  const qNorm = cosine ? rowNorms(q, offset, L, D) : undefined;
  const kNorm = cosine ? rowNorms(k, offset, L, D) : undefined;
  problem.initialScores(b, h, S);
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      let dot = 0;
      for (let d = 0; d < D; d++) dot += (q[offset + i * D + d] as number) * (k[offset + j * D + d] as number);
      if (qNorm && kNorm) dot = dot / (qNorm[i] as number) / (kNorm[j] as number);
      S[i * L + j] = factor * dot + (S[i * L + j] as number);
    }
  }
}

/** `O = P V` of the window at `offset`. P: (L, L), V and O: (L, D). */
function weightedValues(P: Float64Array, { L, D, v }: Problem, offset: number, o: Float64Array): void {
  for (let i = 0; i < L; i++) {
    for (let d = 0; d < D; d++) {
      let sum = 0;
      for (let j = 0; j < L; j++) sum += (P[i * L + j] as number) * (v[offset + j * D + d] as number);
      o[offset + i * D + d] = sum;
    }
  }
}
