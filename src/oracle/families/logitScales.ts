import { type FaultContext, type Variant, variant } from '../faults.js';

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
