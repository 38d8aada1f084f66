import { type FaultContext, type Normalisation, type Variant, variant } from '../faults.js';
import { normOf, unitRows } from '../rowNorms.js';
import { normKinds } from './normKinds.js';

/** Norms of q and k that are missing or others. */
export function norms({ problem }: FaultContext): Variant[] {
  const { logitScale, L, D } = problem;
  if (!logitScale) {
    const unit = { unit: unitRows };
    return [
      variant('q_and_k_normalised', 'q and k are normalised as in cosine attention', {
        normaliseQ: unit,
        normaliseK: unit,
      }),
    ];
  }
  const kinds = normKinds(L, D);
  const other = (isQ: boolean): Normalisation => ({
    unit: (X, rows, width, { problem: p, b, h }) => {
      const at = (b * p.H + h) * rows;
      const source = isQ ? p.k : p.q;
      const out = new Float64Array(X.length);
      for (let i = 0; i < rows; i++) {
        const norm = normOf(source, at + i, width);
        for (let d = i * width; d < (i + 1) * width; d++) out[d] = (X[d] as number) / norm;
      }
      return out;
    },
  });
  return [
    ...kinds.flatMap(({ name, text, normalisation }) => [
      variant(`q_${name}`, `q is ${text}`, { normaliseQ: normalisation }),
      variant(`k_${name}`, `k is ${text}`, { normaliseK: normalisation }),
      variant(`q_and_k_${name}`, `q and k are ${text}`, { normaliseQ: normalisation, normaliseK: normalisation }),
    ]),
    variant('k_norm_of_q', 'k is divided by the norms of q', { normaliseK: other(false) }),
    variant('q_norm_of_k', 'q is divided by the norms of k', { normaliseQ: other(true) }),
    variant('norms_exchanged', 'q and k are divided by the norms of each other', {
      normaliseQ: other(true),
      normaliseK: other(false),
    }),
    variant('v_normalised', 'the output is normalised', {
      output: (x, { D: width }) => {
        for (let r = 0; r < x.length / width; r++) {
          const norm = normOf(x, r, width);
          for (let d = r * width; d < (r + 1) * width; d++) x[d] = (x[d] as number) / norm;
        }
      },
    }),
  ];
}
