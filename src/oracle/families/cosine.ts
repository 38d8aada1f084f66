import { NORM_FLOOR } from '../../reference/scores.js';
import type { Fault, FaultContext, Normalisation, Variant } from '../faults.js';
import { normaliseBackward, normOf } from '../faultyAttention.js';
import { TILES } from './places.js';

const variant = (name: string, explanation: string, fault: Fault): Variant => ({ name, explanation, fault });

interface NormKind {
  readonly name: string;
  readonly text: string;
  readonly normalisation: Normalisation;
}

/** Rows over a norm that `normAt` gives for an element; the way back is that of a right norm. */
function over(normAt: (X: Float64Array, i: number, d: number, L: number, D: number) => number): Normalisation {
  return {
    unit: (X, L, D) => {
      const unit = new Float64Array(X.length);
      for (let i = 0; i < L; i++)
        for (let d = 0; d < D; d++) unit[i * D + d] = (X[i * D + d] as number) / normAt(X, i, d, L, D);
      return unit;
    },
  };
}

function byRow(normOfRow: (X: Float64Array, i: number, D: number, L: number) => number): Normalisation {
  return {
    unit: (X, L, D) => {
      const unit = new Float64Array(X.length);
      for (let i = 0; i < L; i++) {
        const norm = normOfRow(X, i, D, L);
        for (let d = i * D; d < (i + 1) * D; d++) unit[d] = (X[d] as number) / norm;
      }
      return unit;
    },
  };
}

const sumOfRow = (X: Float64Array, i: number, D: number, of: (x: number) => number, from = 0, to = D): number => {
  let sum = 0;
  for (let d = i * D + from; d < i * D + to; d++) sum += of(X[d] as number);
  return sum;
};
const square = (x: number) => x * x;

/** Ways to get a norm wrong. */
function normKinds(L: number, D: number): NormKind[] {
  const kind = (name: string, text: string, normalisation: Normalisation): NormKind => ({ name, text, normalisation });
  const none: Normalisation = { unit: (X) => X, backward: (_, dX) => dX };
  return [
    kind('not_normalised', 'not normalised', none),
    kind(
      'norm_without_root',
      'divided by the squared norm',
      byRow((X, i, D) => Math.max(normOf(X, i, D) ** 2, NORM_FLOOR)),
    ),
    kind(
      'norm_over_other_axis',
      'divided by the norm over tokens of each feature',
      over((X, _, d, rows, width) => {
        let sum = 0;
        for (let i = 0; i < rows; i++) sum += (X[i * width + d] as number) ** 2;
        return Math.max(Math.sqrt(sum), NORM_FLOOR);
      }),
    ),
    kind(
      'norm_over_other_axis',
      'divided by the norm over all tokens and features of the head',
      byRow((X) => Math.max(Math.sqrt(X.reduce((s, x) => s + x * x, 0)), NORM_FLOOR)),
    ),
    kind('norm_over_other_axis', 'divided by the norm over all heads', {
      unit: (X, rows, width, { problem, b }, name) => {
        const unit = new Float64Array(X.length);
        const source = problem[name];
        for (let i = 0; i < rows; i++) {
          let sum = 0;
          for (let h = 0; h < problem.H; h++) sum += sumOfRow(source, (b * problem.H + h) * rows + i, width, square);
          for (let d = i * width; d < (i + 1) * width; d++)
            unit[d] = (X[d] as number) / Math.max(Math.sqrt(sum), NORM_FLOOR);
        }
        return unit;
      },
    }),
    kind(
      'norm_l1',
      'divided by the sum of absolute values',
      byRow((X, i, width) => Math.max(sumOfRow(X, i, width, Math.abs), NORM_FLOOR)),
    ),
    kind(
      'norm_max',
      'divided by the largest absolute value',
      byRow((X, i, width) =>
        X.subarray(i * width, (i + 1) * width).reduce((m, x) => Math.max(m, Math.abs(x)), NORM_FLOOR),
      ),
    ),
    kind(
      'norm_rms',
      'divided by the root of the mean square',
      byRow((X, i, width) => Math.max(normOf(X, i, width) / Math.sqrt(width), NORM_FLOOR)),
    ),
    kind(
      'norm_rooted_twice',
      'divided by the root of the norm',
      byRow((X, i, width) => Math.sqrt(normOf(X, i, width))),
    ),
    kind(
      'norm_multiplied',
      'multiplied by the norm',
      byRow((X, i, width) => 1 / normOf(X, i, width)),
    ),
    kind(
      'norm_sum',
      'divided by the sum of the features',
      byRow((X, i, width) => sumOfRow(X, i, width, (x) => x)),
    ),
    kind('norm_centred', 'made free of the mean before the norm', {
      unit: (X, rows, width) => {
        const unit = new Float64Array(X.length);
        for (let i = 0; i < rows; i++) {
          const mean = sumOfRow(X, i, width, (x) => x) / width;
          const norm = Math.max(Math.sqrt(sumOfRow(X, i, width, (x) => (x - mean) ** 2)), NORM_FLOOR);
          for (let d = i * width; d < (i + 1) * width; d++) unit[d] = ((X[d] as number) - mean) / norm;
        }
        return unit;
      },
    }),
    ...[1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0.1, 1].flatMap((eps) => [
      kind(
        'norm_epsilon',
        `divided by the norm plus ${eps}`,
        byRow((X, i, width) => normOf(X, i, width) + eps),
      ),
      kind(
        'norm_epsilon',
        `divided by the root of the squared norm plus ${eps}`,
        byRow((X, i, width) => Math.sqrt(normOf(X, i, width) ** 2 + eps)),
      ),
      kind(
        'norm_epsilon',
        `divided by the norm, at least ${eps}`,
        byRow((X, i, width) => Math.max(normOf(X, i, width), eps)),
      ),
    ]),
    ...(L > 1
      ? [1, L - 1]
          .map((step) =>
            kind(
              'norm_of_next_row',
              "divided by its neighbour's norm",
              byRow((X, i, width, rows) => normOf(X, (i + step) % rows, width)),
            ),
          )
          .concat(
            kind(
              'norm_of_first_row',
              "divided by the first row's norm",
              byRow((X, _, width) => normOf(X, 0, width)),
            ),
          )
      : []),
    ...TILES.filter((chunk) => chunk < D).flatMap((chunk) => [
      kind(
        'norm_of_chunk',
        `divided by the norm of the first ${chunk} features`,
        byRow((X, i, width) => Math.max(Math.sqrt(sumOfRow(X, i, width, square, 0, chunk)), NORM_FLOOR)),
      ),
      kind(
        'norm_of_chunk',
        `divided by the norm of all but the last chunk of ${chunk} features`,
        byRow((X, i, width) =>
          Math.max(Math.sqrt(sumOfRow(X, i, width, square, 0, Math.floor((width - 1) / chunk) * chunk)), NORM_FLOOR),
        ),
      ),
      kind(
        'norm_of_chunk',
        `divided by the norm of the last chunk of ${chunk} features`,
        byRow((X, i, width) =>
          Math.max(
            Math.sqrt(sumOfRow(X, i, width, square, Math.floor((width - 1) / chunk) * chunk, width)),
            NORM_FLOOR,
          ),
        ),
      ),
      kind(
        'norm_of_chunk',
        `divided by the norm of each chunk of ${chunk} features alone`,
        over((X, i, d, _, width) => {
          const from = d - (d % chunk);
          return Math.max(Math.sqrt(sumOfRow(X, i, width, square, from, Math.min(from + chunk, width))), NORM_FLOOR);
        }),
      ),
    ]),
    ...(D > 1
      ? [
          kind(
            'norm_of_chunk',
            'divided by the norm of all features but the last',
            byRow((X, i, width) => Math.max(Math.sqrt(sumOfRow(X, i, width, square, 0, width - 1)), NORM_FLOOR)),
          ),
        ]
      : []),
  ];
}

/** Norms of q and k that are missing or others. */
export function norms({ problem }: FaultContext): Variant[] {
  const { logitScale, L, D } = problem;
  if (!logitScale) {
    const unit = {
      unit: (X: Float64Array, rows: number, width: number) =>
        byRow(normOf).unit(X, rows, width, undefined as never, 'q'),
    };
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

/** The logit scale of another head, in another base, clamped elsewhere, with the plain scale. */
export function logitScales({ problem }: FaultContext): Variant[] {
  const { logitScale, factors, H, D } = problem;
  if (!logitScale) return [];
  const raw = (h: number) => logitScale[h] as number;
  const right = (h: number) => factors[h] as number;
  const of = (name: string, explanation: string, factor: (h: number) => number): Variant =>
    variant(name, explanation, { factor: (_, h) => factor(h) });
  const clamps: readonly [string, number][] = [
    ['ln(10)', Math.LN10],
    ['log2(100)', Math.log2(100)],
    ['log10(100)', 2],
    ['ln(50)', Math.log(50)],
    ['ln(1000)', Math.log(1000)],
    ['100', 100],
    ['1', 1],
    ['0', 0],
    ['4', 4],
    ['5', 5],
    ['10', 10],
  ];
  return [
    of('logit_scale_ignored', 'the cosines are not multiplied by the logit scale', () => 1),
    of('clamp_missing', 'the logit scale is not clamped', (h) => Math.exp(raw(h))),
    of('logit_scale_not_exponentiated', 'the logit scale is not exponentiated', (h) => Math.min(raw(h), Math.log(100))),
    of('logit_scale_not_exponentiated', 'the logit scale is neither exponentiated nor clamped', raw),
    of('logit_scale_base_2', 'the logit scale is an exponent of 2', (h) => 2 ** Math.min(raw(h), Math.log(100))),
    of(
      'logit_scale_base_2',
      'the logit scale is an exponent of 2, clamped at log2(100)',
      (h) => 2 ** Math.min(raw(h), Math.log2(100)),
    ),
    of('logit_scale_base_2', 'the logit scale is an exponent of 2, not clamped', (h) => 2 ** raw(h)),
    of('logit_scale_base_10', 'the logit scale is an exponent of 10', (h) => 10 ** Math.min(raw(h), Math.log(100))),
    of('logit_scale_base_10', 'the logit scale is an exponent of 10, clamped at 100', (h) => 10 ** Math.min(raw(h), 2)),
    of('logit_scale_base_10', 'the logit scale is an exponent of 10, not clamped', (h) => 10 ** raw(h)),
    of('logit_scale_applied_twice', 'the cosines are multiplied by the logit scale twice', (h) => right(h) ** 2),
    of('logit_scale_rooted', 'the cosines are multiplied by the root of the logit scale', (h) => Math.sqrt(right(h))),
    of('logit_scale_inverted', 'the cosines are divided by the logit scale', (h) => 1 / right(h)),
    of('logit_scale_inverted', 'the cosines are divided by the logit scale, not exponentiated', (h) => 1 / raw(h)),
    of('logit_scale_exponentiated_twice', 'the logit scale is exponentiated twice', (h) =>
      Math.exp(Math.min(right(h), 700)),
    ),
    of('logit_scale_softplus', 'the logit scale enters as ln(1 + e to it)', (h) => Math.log1p(Math.exp(raw(h)))),
    of('logit_scale_expm1', 'the logit scale enters as its exponential minus 1', (h) =>
      Math.expm1(Math.min(raw(h), Math.log(100))),
    ),
    of('scaled_by_head_dim_too', 'headDim ** −0.5 multiplies the cosines too', (h) => right(h) * D ** -0.5),
    of('scaled_by_head_dim_instead', 'headDim ** −0.5 takes the place of the logit scale', () => D ** -0.5),
    of('divided_by_head_dim_root_inverse', '√headDim multiplies the cosines too', (h) => right(h) * D ** 0.5),
    ...clamps.flatMap(([text, at]) => [
      of('clamped_elsewhere', `the logit scale is clamped at ${text}`, (h) => Math.exp(Math.min(raw(h), at))),
      of('clamped_elsewhere', `the logit scale is clamped at ${text} after its exponential`, (h) =>
        Math.min(Math.exp(raw(h)), at),
      ),
      of('clamped_elsewhere', `the logit scale is at least ${text}`, (h) => Math.exp(Math.max(raw(h), at))),
      of('clamped_elsewhere', `the logit scale is at least ${text}, and clamped as it should be`, (h) =>
        Math.exp(Math.min(Math.max(raw(h), at), Math.log(100))),
      ),
    ]),
    of('clamped_elsewhere', 'the clamp is a floor: the logit scale is at least ln(100)', (h) =>
      Math.exp(Math.max(raw(h), Math.log(100))),
    ),
    of('clamped_elsewhere', 'the logit scale is clamped at ln(1/100) from below and above 0', (h) =>
      Math.exp(Math.min(Math.max(raw(h), Math.log(0.01)), 0)),
    ),
    of('logit_scale_constant', 'the logit scale is 100 for all heads', () => 100),
    of('logit_scale_constant', 'the logit scale is 10 for all heads', () => 10),
    of('logit_scale_absolute', 'the absolute logit scale is exponentiated', (h) =>
      Math.exp(Math.min(Math.abs(raw(h)), Math.log(100))),
    ),
    of('logit_scale_sign', 'the logit scale is exponentiated with the other sign', (h) => Math.exp(-raw(h))),
    of('logit_scale_sign', 'the logit scale is clamped and exponentiated with the other sign', (h) =>
      Math.exp(-Math.min(raw(h), Math.log(100))),
    ),
    ...(H > 1
      ? [
          of('logit_scale_of_next_head', "the logit scale is the next head's", (h) => right((h + 1) % H)),
          of('logit_scale_of_next_head', 'the logit scale is that of the head before', (h) => right((h + H - 1) % H)),
          of('logit_scale_of_head_0', 'the logit scale is that of head 0', () => right(0)),
          of('logit_scale_of_last_head', 'the logit scale is that of the last head', () => right(H - 1)),
          of('logit_scale_reversed', 'the logit scales are read in reverse order', (h) => right(H - 1 - h)),
          of('logit_scale_shared', 'neighbouring heads share a logit scale', (h) => right(h - (h % 2))),
          of('logit_scale_shared', 'the logit scale is that of half the head', (h) => right(h >> 1)),
          of('logit_scale_averaged', 'the logit scale is the mean of all heads', () =>
            Math.exp(logitScale.reduce((s, x) => s + x, 0) / H),
          ),
          of(
            'logit_scale_averaged',
            'the factor is the mean of all heads',
            () => factors.reduce((s, x) => s + x, 0) / H,
          ),
          variant('logit_scale_of_window', 'the logit scale is that of the head of the number of the window', {
            scores: (S, { b, h, rows, L, problem: p }) => {
              const ratio = right(b % H) / right(h);
              for (const [r, i] of rows.entries()) {
                for (let j = 0; j < L; j++) {
                  const added = (p.bias?.[(h * L + i) * L + j] ?? 0) + (p.mask?.[((b % p.nW) * L + i) * L + j] ?? 0);
                  S[r * L + j] = ((S[r * L + j] as number) - added) * ratio + added;
                }
              }
            },
          }),
        ]
      : []),
  ];
}

/** The logit scale over more than the cosines: bias and mask too. */
export function logitScaleOfAll({ problem }: FaultContext): Variant[] {
  const { logitScale, bias, mask, L } = problem;
  if (!logitScale || !(bias || mask)) return [];
  const sums = (
    name: string,
    explanation: string,
    of: (cosine: number, added: number, factor: number) => number,
  ): Variant =>
    variant(name, explanation, {
      scores: (S, { b, h, rows, factor }) => {
        for (const [r, i] of rows.entries()) {
          for (let j = 0; j < L; j++) {
            const added = (bias?.[(h * L + i) * L + j] ?? 0) + (mask?.[((b % problem.nW) * L + i) * L + j] ?? 0);
            S[r * L + j] = of(((S[r * L + j] as number) - added) / factor, added, factor);
          }
        }
      },
    });
  return [
    sums('logit_scale_of_bias_too', 'the logit scale multiplies bias and mask too', (c, a, f) => f * (c + a)),
    sums('logit_scale_added', 'the logit scale is added instead of multiplied', (c, a, f) => c + f + a),
    sums(
      'logit_scale_of_bias_only',
      'the logit scale multiplies bias and mask instead of the cosines',
      (c, a, f) => c + f * a,
    ),
  ];
}

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
    variant(`${output}_${name}`, explanation, { [key]: { unit: byRow(normOf).unit, backward } });
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
        unit: (X: Float64Array, L: number, D: number, unit: Parameters<Normalisation['unit']>[3]) => {
          const at = (unit.b * problem.H + unit.h) * L * D;
          other = problem[right].subarray(at, at + L * D);
          return byRow(normOf).unit(X, L, D, unit, 'q');
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
