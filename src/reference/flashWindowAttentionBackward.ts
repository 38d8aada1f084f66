import { type AttentionBackwardArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { checkInteger } from '../tensor/check.js';
import { toFloat64 } from '../tensor/tensor.js';
import { addOuterProducts, type Chunk, chunksOf, loadChunk, multiply, storeChunk, transpose } from './chunks.js';
import { DEFAULT_CHUNK_DIM, flashScores } from './flashWindowAttention.js';
import { type Gradients, gradientTensors, normalizeBackward, softmaxBackward } from './gradients.js';
import { float64Problem, softmaxRows } from './scores.js';

/**
 * Backward pass of Flash Window Attention: S and dP of a window stay on chip, everything else streams through in
 * chunks of the feature dimension.
 *
 * ```text
 * for each window b and head h:
 *   recompute P                               as in the forward pass
 *   dP ← 0                                    L × L, on chip
 *   for each chunk c of the feature dimension:
 *     load dO_c, V_c
 *     dP ← dP + dO_c V_cᵀ
 *     store dV_c = Pᵀ dO_c
 *   dS ← P ∘ (dP − rowsum(P ∘ dP))
 *   dBias[h] ← dBias[h] + dS
 *   for each chunk c:
 *     load Q_c, K_c
 *     store dQ_c = scale · dS K_c,  dK_c = scale · dSᵀ Q_c
 * ```
 *
 * Arguments and result as `windowAttentionBackward`, in float64; `chunkDim` as in `flashWindowAttention`.
 * Source: arXiv 2501.06480, backward pass.
 * @throws TypeError and RangeError as `windowAttention`, and for a `chunkDim` that is no integer ≥ 1.
 */
export function flashWindowAttentionBackward(
  args: AttentionBackwardArgs & { readonly chunkDim?: number | undefined },
): Gradients {
  const checked = checkAttentionBackwardArgs(args);
  const { B, H, L, D } = checked;
  const chunks = chunksOf(D, checkInteger('chunkDim', args.chunkDim ?? DEFAULT_CHUNK_DIM, 1));
  const problem = float64Problem(checked);
  const { q, k, v } = problem;
  const dO = toFloat64(checked.dO);
  const gradients = gradientTensors(checked);
  const dQ = gradients.dQ.data;
  const dK = gradients.dK.data;
  const P = new Float64Array(L * L);
  const dS = new Float64Array(L * L);
  const lse = new Float64Array(L);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const at = (b * H + h) * L * D;
      const norms = flashScores(problem, b, h, chunks, P);
      softmaxRows(P, L, lse);
      const PT = transpose(P, L);
      dS.fill(0);
      for (const chunk of chunks) {
        const dOc = loadChunk(dO, at, L, D, chunk);
        addOuterProducts(dS, dOc, loadChunk(v, at, L, D, chunk), L, chunk.width, 1);
        storeChunk(multiply(PT, dOc, L, chunk.width), gradients.dV.data, at, L, D, chunk);
      }
      softmaxBackward(P, dS, L);
      gradients.dBias?.data.subarray(h * L * L, (h + 1) * L * L).forEach((sum, ij, head) => {
        head[ij] = sum + (dS[ij] as number);
      });
      const scaled = dS.map((ds) => ds * problem.factor(h));
      const scaledT = transpose(scaled, L);
      if (!norms) {
        for (const chunk of chunks) {
          storeChunk(multiply(scaled, loadChunk(k, at, L, D, chunk), L, chunk.width), dQ, at, L, D, chunk);
          storeChunk(multiply(scaledT, loadChunk(q, at, L, D, chunk), L, chunk.width), dK, at, L, D, chunk);
        }
        continue;
      }
      const dQHat = new Float64Array(L * D);
      const dKHat = new Float64Array(L * D);
      for (const chunk of chunks) {
        const Q = loadUnitChunk(q, at, norms.q, D, chunk);
        const K = loadUnitChunk(k, at, norms.k, D, chunk);
        const dQc = multiply(scaled, K, L, chunk.width);
        gradients.addLogitScale(
          h,
          Q.reduce((sum, x, i) => sum + x * (dQc[i] as number), 0),
        );
        storeChunk(dQc, dQHat, 0, L, D, chunk);
        storeChunk(multiply(scaledT, Q, L, chunk.width), dKHat, 0, L, D, chunk);
      }
      normalizeBackward(q, at, norms.q, dQHat, dQ, D);
      normalizeBackward(k, at, norms.k, dKHat, dK, D);
    }
  }
  return gradients.result();
}

/** `loadChunk` with each row divided by its norm. */
function loadUnitChunk(x: Float64Array, at: number, norms: Float64Array, D: number, chunk: Chunk): Float64Array {
  return loadChunk(x, at, norms.length, D, chunk).map(
    (value, i) => value / (norms[Math.floor(i / chunk.width)] as number),
  );
}
