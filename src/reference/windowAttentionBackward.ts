import { type AttentionBackwardArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { type Tensor, toFloat64 } from '../tensor/tensor.js';
import { type Gradients, gradientTensors, normalizeBackward, softmaxBackward } from './gradients.js';
import { float64Problem, rowNorms, softmaxRows } from './scores.js';
import { attentionScores } from './windowAttention.js';

/**
 * Gradients of `windowAttention`, naively, in float64, with P recomputed:
 * `dV = Pᵀ dO`, `dP = dO Vᵀ`, `dS = P ∘ (dP − rowsum(P ∘ dP))`, `dQ = scale · dS K`, `dK = scale · dSᵀ Q`,
 * `dBias = Σ_b dS`; under cosine attention on to the unnormalised q, k and to `logitScale`.
 *
 * Arguments as `windowAttention`, and dO: `[B, H, L, D]`. Returns dQ, dK, dV: `[B, H, L, D]`,
 * dBias: `[H, L, L]` when `bias` is given, dLogitScale: `[H]` when `logitScale` is.
 * Source: Flash Window Attention (arXiv 2501.06480), backward pass.
 * @throws TypeError and RangeError as `windowAttention`.
 */
export function windowAttentionBackward(args: AttentionBackwardArgs): Gradients {
  const checked = checkAttentionBackwardArgs(args);
  const { B, H, L, D } = checked;
  const problem = float64Problem(checked);
  const { q, k, v, cosine } = problem;
  const dO = toFloat64(checked.dO);
  const gradients = gradientTensors(checked);
  const dQ = gradients.dQ.data;
  const dK = gradients.dK.data;
  const dV = gradients.dV.data;
  const P = new Float64Array(L * L);
  const dS = new Float64Array(L * L);
  const lse = new Float64Array(L);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const at = (b * H + h) * L * D;
      attentionScores(problem, b, h, P);
      softmaxRows(P, L, lse);
      for (let i = 0; i < L; i++) {
        for (let j = 0; j < L; j++) {
          let dP = 0;
          for (let d = 0; d < D; d++) {
            const dOut = dO[at + i * D + d] as number;
            dP += dOut * (v[at + j * D + d] as number);
            dV[at + j * D + d] = (dV[at + j * D + d] as number) + (P[i * L + j] as number) * dOut;
          }
          dS[i * L + j] = dP;
        }
      }
      softmaxBackward(P, dS, L);
      accumulateBias(gradients.dBias, dS, h);
      if (!cosine) {
        accumulateScores({ dS, factor: problem.factor(h), L, D, at, q, k, dQ, dK });
        continue;
      }
      // Cosine attention: the same products with the unit vectors, then through the normalisation.
      const qNorm = rowNorms(q, at, L, D);
      const kNorm = rowNorms(k, at, L, D);
      const qHat = unitRows(q, at, qNorm, D);
      const kHat = unitRows(k, at, kNorm, D);
      const dQHat = new Float64Array(L * D);
      const dKHat = new Float64Array(L * D);
      accumulateScores({ dS, factor: problem.factor(h), L, D, at: 0, q: qHat, k: kHat, dQ: dQHat, dK: dKHat });
      gradients.addLogitScale(h, dot(qHat, dQHat));
      normalizeBackward(q, at, qNorm, dQHat, dQ, D);
      normalizeBackward(k, at, kNorm, dKHat, dK, D);
    }
  }
  return gradients.result();
}

interface ScoreProducts {
  readonly dS: Float64Array;
  readonly factor: number;
  readonly L: number;
  readonly D: number;
  /** Where the window's rows begin in the four arrays below. */
  readonly at: number;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly dQ: Float64Array;
  readonly dK: Float64Array;
}

/** `dQ += factor · dS K`, `dK += factor · dSᵀ Q`. */
function accumulateScores({ dS, factor, L, D, at, q, k, dQ, dK }: ScoreProducts): void {
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      const ds = factor * (dS[i * L + j] as number);
      for (let d = 0; d < D; d++) {
        const qi = at + i * D + d;
        const kj = at + j * D + d;
        dQ[qi] = (dQ[qi] as number) + ds * (k[kj] as number);
        dK[kj] = (dK[kj] as number) + ds * (q[qi] as number);
      }
    }
  }
}

function accumulateBias(dBias: Tensor<Float64Array> | undefined, dS: Float64Array, h: number): void {
  if (!dBias) return;
  for (let ij = 0; ij < dS.length; ij++) {
    const at = h * dS.length + ij;
    dBias.data[at] = (dBias.data[at] as number) + (dS[ij] as number);
  }
}

function unitRows(x: Float64Array, at: number, norms: Float64Array, D: number): Float64Array {
  return Float64Array.from({ length: norms.length * D }, (_, i) => {
    return (x[at + i] as number) / (norms[Math.floor(i / D)] as number);
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}
