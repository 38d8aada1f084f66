import { type FaultContext, type FaultyUnit, type Normalisation, type Variant, variant } from '../faults.js';
import { normaliseBackward, normOf, unitRows } from '../rowNorms.js';

/** The way back through the norms and to the logit scale. */
export function cosineGradients({ problem, output }: FaultContext): Variant[] {
  const { logitScale } = problem;
  if (!logitScale || !output.startsWith('d')) return [];
  if (output === 'dLogitScale') {
    return [
      variant('dLogitScale_not_times_scale', 'dLogitScale sums dS ∘ cosines, without the exponentiated logit scale', {
        logitTerm: 'cosine',
      }),
      variant('clamp_ignored', 'dLogitScale is not 0 where the logit scale is clamped', { logitTerm: 'unclamped' }),
      variant('dLogitScale_of_scores', 'dLogitScale sums dS ∘ S, bias and mask included', { logitTerm: 'score' }),
      ...windowShares(problem.B, problem.nW),
    ];
  }
  if (output !== 'dQ' && output !== 'dK') return [];
  const key = output === 'dQ' ? 'normaliseQ' : 'normaliseK';
  const back = (name: string, explanation: string, backward: NonNullable<Normalisation['backward']>): Variant =>
    variant(`${output}_${name}`, explanation, { [key]: { unit: unitRows, backward } });
  const rows =
    (
      of: (x: Float64Array, dx: Float64Array, norm: number, along: number) => (at: number) => number,
    ): NonNullable<Normalisation['backward']> =>
    (X, dX, L, D) => {
      const out = new Float64Array(dX.length);
      for (let i = 0; i < L; i++) {
        const x = X.subarray(i * D, (i + 1) * D);
        const dx = dX.subarray(i * D, (i + 1) * D);
        const along = x.reduce((sum, value, d) => sum + value * (dx[d] as number), 0);
        const element = of(x, dx, normOf(X, i, D), along);
        for (let d = 0; d < D; d++) out[i * D + d] = element(d);
      }
      return out;
    };
  const get = (x: Float64Array, d: number) => x[d] as number;
  return [
    back(
      'through_norm_missing',
      `${output} is that of the unit rows: neither projected nor divided by the norm`,
      (_, dX) => dX,
    ),
    back(
      'through_norm_missing',
      `${output} is divided by the norm but not projected`,
      rows((_, dx, norm) => (d) => get(dx, d) / norm),
    ),
    back(
      'not_divided_by_norm',
      `${output} is projected but not divided by the norm`,
      rows((x, dx, norm, along) => (d) => get(dx, d) - (get(x, d) * along) / norm ** 2),
    ),
    back(
      'projection_wrong',
      `${output} is projected with the other sign`,
      rows((x, dx, norm, along) => (d) => (get(dx, d) + (get(x, d) * along) / norm ** 2) / norm),
    ),
    back(
      'projection_wrong',
      `${output} is projected on the row instead of the unit row`,
      rows((x, dx, norm, along) => (d) => (get(dx, d) - get(x, d) * along) / norm),
    ),
    back(
      'projection_wrong',
      `${output} is projected on the row once and on the unit row once`,
      rows((x, dx, norm, along) => (d) => (get(dx, d) - (get(x, d) * along) / norm) / norm),
    ),
    back(
      'projection_wrong',
      `${output} holds the part along the row, and lacks the rest`,
      rows((x, _, norm, along) => (d) => (get(x, d) * along) / norm ** 3),
    ),
    back(
      'divided_by_norm_twice',
      `${output} is projected, and divided by the norm twice`,
      rows((x, dx, norm, along) => (d) => (get(dx, d) - (get(x, d) * along) / norm ** 2) / norm ** 2),
    ),
    back(
      'divided_by_norm_twice',
      `${output} is projected, and multiplied by the norm`,
      rows((x, dx, norm, along) => (d) => (get(dx, d) - (get(x, d) * along) / norm ** 2) * norm),
    ),
    back(
      'divided_by_norm_twice',
      `${output} is not projected, and divided by the norm twice`,
      rows((_, dx, norm) => (d) => get(dx, d) / norm ** 2),
    ),
    back(
      'projection_wrong',
      `${output} is projected with the part along the row times the norm`,
      rows((x, dx, norm, along) => (d) => get(dx, d) / norm - (get(x, d) * along) / norm),
    ),
    ...projectedOnOther(problem, output, key),
  ];
}

/** A projection on the rows of the other operand. */
function projectedOnOther(
  problem: FaultContext['problem'],
  output: string,
  key: 'normaliseQ' | 'normaliseK',
): Variant[] {
  const right = key === 'normaliseQ' ? 'k' : 'q';
  let other: Float64Array | undefined;
  return [
    variant(`${output}_norm_of_other_operand`, `${output} is divided by the norm of ${right}`, {
      needsAllRows: true,
      [key]: {
        unit: (X: Float64Array, L: number, D: number, { b, h }: FaultyUnit) => {
          const at = (b * problem.H + h) * L * D;
          other = problem[right].subarray(at, at + L * D);
          return unitRows(X, L, D);
        },
        backward: (X: Float64Array, dX: Float64Array, L: number, D: number) => {
          const own = normaliseBackward(X, dX, L, D);
          return own.map((x, at) => {
            const i = Math.floor(at / D);
            return (x * normOf(X, i, D)) / normOf(other ?? X, i, D);
          });
        },
      },
    }),
  ];
}

function windowShares(B: number, nW: number): Variant[] {
  const share = (explanation: string, windowShare: (b: number) => number) =>
    variant('dLogitScale_not_summed', explanation, { windowShare });
  return [
    share('dLogitScale holds the last window alone', (b) => (b === B - 1 ? 1 : 0)),
    share('dLogitScale holds the first window alone', (b) => (b === 0 ? 1 : 0)),
    ...(nW > 1 && nW < B
      ? [
          share("dLogitScale holds the first image's windows alone", (b) => (b < nW ? 1 : 0)),
          share("dLogitScale holds the last image's windows alone", (b) => (b >= B - nW ? 1 : 0)),
        ]
      : []),
    share('dLogitScale lacks the last window', (b) => (b === B - 1 ? 0 : 1)),
    share('dLogitScale lacks the first window', (b) => (b === 0 ? 0 : 1)),
  ];
}
