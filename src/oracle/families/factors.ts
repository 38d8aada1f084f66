import type { Fault, FaultContext, Variant } from '../faults.js';
import { constants } from './constants.js';

/** A factor that no list holds: `fault` of any number, whose best value is to be found. */
export interface Fitted {
  readonly name: string;
  /** Completes "… by 1.23". */
  readonly text: string;
  readonly fault: (factor: number) => Fault;
}

/** Known constants in the wrong place among the scores. */
export function scoreFactors({ problem }: FaultContext): Variant[] {
  const { scale, logitScale, bias, D, L, H, mask } = problem;
  const of = (name: string, explanation: string, value: (right: number) => number): Variant => ({
    name,
    explanation,
    fault: { factor: value },
  });
  const total = (name: string, explanation: string, scoreFactor: number): Variant => ({
    name,
    explanation,
    fault: { scoreFactor },
  });
  const plain = logitScale
    ? []
    : [
        of('scale_missing', 'the products of queries and keys are not scaled', () => 1),
        of('scale_applied_twice', 'the products of queries and keys are scaled twice', (s) => s * s),
        of('scale_rooted', 'the products are multiplied by the root of the scale', (s) => Math.sqrt(s)),
        of('scale_inverted', 'the products are divided by the scale', (s) => 1 / s),
        of('scale_of_tokens', 'the scale is that of the number of tokens', () => L ** -0.5),
        of('scale_of_all_channels', 'the scale is that of all channels', () => (D * H) ** -0.5),
        of('scale_without_root', 'the products are divided by headDim, not its root', () => 1 / D),
        of(
          'scale_of_padded_features',
          'the scale is that of headDim padded to a power of 2',
          () => (2 ** Math.ceil(Math.log2(D))) ** -0.5,
        ),
      ];
  return [
    ...plain,
    of('sign_of_products', 'the products enter with the other sign', (s) => -s),
    of(
      'base_2_products',
      'the products are multiplied by log2(e) before an exponential of base e',
      (s) => s * Math.LOG2E,
    ),
    total('exp2_without_log2e', 'the exponential has base 2, and the scores are not multiplied by log2(e)', Math.LN2),
    total('log2e_before_exp', 'the scores are multiplied by log2(e), and the exponential has base e', Math.LOG2E),
    ...(bias || mask
      ? [
          total('scores_scaled', 'the scale multiplies products, bias and mask together once more', scale),
          {
            name: 'exp2_log2e_of_products_only',
            explanation: 'the exponential has base 2, and log2(e) multiplies the products but not the bias and mask',
            fault: { biasFactor: Math.LN2, maskFactor: Math.LN2 },
          },
        ]
      : []),
    ...(bias
      ? [
          { name: 'bias_sign', explanation: 'the bias is subtracted', fault: { biasFactor: -1 } },
          { name: 'bias_twice', explanation: 'the bias is added twice', fault: { biasFactor: 2 } },
          {
            name: 'bias_divided_by_scale',
            explanation: 'the bias is divided by the scale',
            fault: { biasFactor: 1 / scale },
          },
          {
            name: 'bias_in_base_2',
            explanation: 'the bias is multiplied by log2(e), the exponential has base e',
            fault: { biasFactor: Math.LOG2E },
          },
        ]
      : []),
    ...(mask
      ? [
          { name: 'mask_sign', explanation: 'the mask is subtracted', fault: { maskFactor: -1 } },
          { name: 'mask_too_weak', explanation: 'the mask is added as −10', fault: { maskFactor: 0.1 } },
          { name: 'mask_too_weak', explanation: 'the mask is added as −1', fault: { maskFactor: 0.01 } },
        ]
      : []),
    { name: 'sign_of_scores', explanation: 'all scores enter with the other sign', fault: { scoreFactor: -1 } },
  ];
}

/** Factors whose value is fitted. */
export function fittedFactors({ problem }: FaultContext): Fitted[] {
  const { bias, mask } = problem;
  return [
    {
      name: 'scale_wrong',
      text: 'the products of queries and keys are multiplied',
      fault: (f) => ({ factor: (right) => right * f }),
    },
    { name: 'scores_scaled', text: 'all scores are multiplied', fault: (f) => ({ scoreFactor: f }) },
    ...(bias
      ? [{ name: 'bias_scaled_wrongly', text: 'the bias is multiplied', fault: (f: number) => ({ biasFactor: f }) }]
      : []),
    ...(mask
      ? [{ name: 'mask_scaled_wrongly', text: 'the mask is multiplied', fault: (f: number) => ({ maskFactor: f }) }]
      : []),
    {
      name: 'sum_scaled_wrongly',
      text: 'a constant is added to the sum of exponentials, in the unit of its largest term multiplied',
      fault: (f) => ({
        softmax: (S, { rows, L }) => {
          const P = new Float64Array(S.length);
          const lse = new Float64Array(rows.length);
          for (let r = 0; r < rows.length; r++) {
            const row = S.subarray(r * L, (r + 1) * L);
            const max = row.reduce((m, s) => Math.max(m, s), Number.NEGATIVE_INFINITY);
            if (max === Number.NEGATIVE_INFINITY) continue;
            const sum = row.reduce((total, s) => total + Math.exp(s - max), 0) + f;
            row.forEach((s, j) => {
              P[r * L + j] = Math.exp(s - max) / sum;
            });
            lse[r] = max + Math.log(sum);
          }
          return { P, lse };
        },
      }),
    },
  ];
}

/** First guesses of a fitted factor. */
export function guesses({ problem }: FaultContext): number[] {
  const known = constants(problem).map(({ value }) => value);
  const coarse = Array.from({ length: 25 }, (_, i) => 2 ** ((i - 12) / 2)).filter((f) => f !== 1);
  return [...coarse, ...known, ...coarse.map((f) => -f), 0].filter((f) => Number.isFinite(f));
}
