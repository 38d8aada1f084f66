import { type AttentionArgs, checkAttentionArgs } from '../arguments/attentionArgs.js';
import { checkInteger } from '../tensor/check.js';
import { float64Tensor } from '../tensor/tensor.js';
import { addOuterProducts, type Chunk, chunksOf, loadChunk, multiply, storeChunk } from './chunks.js';
import { float64Problem, NORM_FLOOR, type Problem, softmaxRows } from './scores.js';
import type { ReferenceOutput } from './windowAttention.js';

/** The report's chunk of the feature dimension: the smallest that a tensor core multiplies. */
export const DEFAULT_CHUNK_DIM = 16;

/**
 * Flash Window Attention, Algorithm 1: a window's whole score matrix stays on chip while Q, K and V stream through
 * it in chunks of the feature dimension.
 *
 * ```text
 * for each window b and head h:
 *   S ← bias[h] + mask[b mod nW]              L × L, on chip
 *   for each chunk c of the feature dimension:
 *     load Q_c, K_c                           L × chunkDim
 *     S ← S + scale · Q_c K_cᵀ
 *   P ← softmax(S)
 *   for each chunk c:
 *     load V_c
 *     store O_c = P V_c
 * ```
 *
 * Arguments and result as `windowAttention`, in float64. `chunkDim`: any integer ≥ 1, 16 by default; the last chunk
 * is narrower where it does not divide D. Under cosine attention the squared norms accumulate beside S.
 * Source: arXiv 2501.06480, Algorithm 1.
 * @throws TypeError and RangeError as `windowAttention`, and for a `chunkDim` that is no integer ≥ 1.
 */
export function flashWindowAttention(
  args: AttentionArgs & { readonly chunkDim?: number | undefined },
): ReferenceOutput {
  const checked = checkAttentionArgs(args);
  const { B, H, L, D } = checked;
  const chunks = chunksOf(D, checkInteger('chunkDim', args.chunkDim ?? DEFAULT_CHUNK_DIM, 1));
  const problem = float64Problem(checked);
  const o = float64Tensor([B, H, L, D]);
  const lse = float64Tensor([B, H, L]);
  const S = new Float64Array(L * L);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const window = b * H + h;
      const at = window * L * D;
      flashScores(problem, b, h, chunks, S);
      softmaxRows(S, L, lse.data.subarray(window * L, (window + 1) * L));
      for (const chunk of chunks) {
        const V = loadChunk(problem.v, at, L, D, chunk);
        storeChunk(multiply(S, V, L, chunk.width), o.data, at, L, D, chunk);
      }
    }
  }
  return { o, lse };
}

/** The unit rows' inverse lengths under cosine attention. */
export interface Norms {
  readonly q: Float64Array;
  readonly k: Float64Array;
}

/** First loop of Algorithm 1: accumulates `S` (L, L) chunk by chunk. Returns the row norms under cosine attention. */
export function flashScores(
  problem: Problem,
  b: number,
  h: number,
  chunks: readonly Chunk[],
  S: Float64Array,
): Norms | undefined {
  const { H, L, D, q, k, cosine } = problem;
  const at = (b * H + h) * L * D;
  const scale = problem.factor(h);
  if (!cosine) {
    problem.initialScores(b, h, S);
    for (const chunk of chunks) {
      addOuterProducts(S, loadChunk(q, at, L, D, chunk), loadChunk(k, at, L, D, chunk), L, chunk.width, scale);
    }
    return undefined;
  }
  S.fill(0);
  const norms = { q: new Float64Array(L), k: new Float64Array(L) };
  for (const chunk of chunks) {
    const Q = loadChunk(q, at, L, D, chunk);
    const K = loadChunk(k, at, L, D, chunk);
    addOuterProducts(S, Q, K, L, chunk.width, 1);
    addSquares(norms.q, Q, chunk.width);
    addSquares(norms.k, K, chunk.width);
  }
  floorNorms(norms.q);
  floorNorms(norms.k);
  const initial = new Float64Array(L * L);
  problem.initialScores(b, h, initial);
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      const cosineOfPair = (S[i * L + j] as number) / (norms.q[i] as number) / (norms.k[j] as number);
      S[i * L + j] = scale * cosineOfPair + (initial[i * L + j] as number);
    }
  }
  return norms;
}

function addSquares(sums: Float64Array, X: Float64Array, width: number): void {
  X.forEach((x, i) => {
    const row = Math.floor(i / width);
    sums[row] = (sums[row] as number) + x * x;
  });
}

function floorNorms(squares: Float64Array): void {
  squares.forEach((square, i) => {
    squares[i] = Math.max(Math.sqrt(square), NORM_FLOOR);
  });
}
