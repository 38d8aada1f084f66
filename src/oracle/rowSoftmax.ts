import type { Softmax } from './faults.js';

/** Softmax by rows of S `[R, K]`; a row of −∞ gives zeros. */
export function softmaxOf(S: Float64Array, R: number, K: number): Softmax {
  const P = new Float64Array(R * K);
  const lse = new Float64Array(R);
  for (let r = 0; r < R; r++) {
    let max = Number.NEGATIVE_INFINITY;
    for (let at = r * K; at < (r + 1) * K; at++) if (!((S[at] as number) <= max)) max = S[at] as number;
    if (max === Number.NEGATIVE_INFINITY) {
      lse[r] = max;
      continue;
    }
    let sum = 0;
    for (let at = r * K; at < (r + 1) * K; at++) {
      const e = Math.exp((S[at] as number) - max);
      P[at] = e;
      sum += e;
    }
    for (let at = r * K; at < (r + 1) * K; at++) P[at] = (P[at] as number) / sum;
    lse[r] = max + Math.log(sum);
  }
  return { P, lse };
}
