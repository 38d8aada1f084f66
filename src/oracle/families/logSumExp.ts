import type { FaultContext, Variant } from '../faults.js';

/** Numbers beside logsumexp that a kernel may store: `[max, sum of exponentials]` of a row to lse. */
const FORMS: readonly { name: string; text: string; of: (max: number, sum: number, L: number) => number }[] = [
  { name: 'lse_base_2', text: 'lse is a logarithm to base 2', of: (max, sum) => (max + Math.log(sum)) * Math.LOG2E },
  { name: 'lse_without_max', text: "lse lacks the row's maximum", of: (_, sum) => Math.log(sum) },
  { name: 'lse_is_max', text: "lse holds the row's maximum alone", of: (max) => max },
  { name: 'lse_is_sum', text: 'lse holds the sum of exponentials itself', of: (_, sum) => sum },
  { name: 'lse_without_log', text: 'lse holds the maximum plus the sum of exponentials', of: (max, sum) => max + sum },
  {
    name: 'lse_exponentiated',
    text: 'lse holds the sum of exponentials, the maximum not subtracted',
    of: (max, sum) => sum * Math.exp(max),
  },
  { name: 'lse_inverted', text: 'lse holds 1 / the sum of exponentials', of: (_, sum) => 1 / sum },
  { name: 'lse_sign', text: 'lse has the other sign', of: (max, sum) => -(max + Math.log(sum)) },
  {
    name: 'lse_max_subtracted',
    text: "the row's maximum is subtracted from the logarithm instead of added",
    of: (max, sum) => Math.log(sum) - max,
  },
  {
    name: 'lse_mixed_bases',
    text: 'lse is the maximum plus a logarithm to base 2',
    of: (max, sum) => max + Math.log2(sum),
  },
  {
    name: 'lse_mixed_bases',
    text: 'lse is the maximum times log2(e) plus a natural logarithm',
    of: (max, sum) => max * Math.LOG2E + Math.log(sum),
  },
  {
    name: 'lse_mixed_bases',
    text: 'lse is the maximum times ln(2) plus a natural logarithm',
    of: (max, sum) => max * Math.LN2 + Math.log(sum),
  },
  {
    name: 'lse_times_ln2',
    text: 'lse is multiplied by ln(2) though it is natural',
    of: (max, sum) => (max + Math.log(sum)) * Math.LN2,
  },
  { name: 'lse_base_10', text: 'lse is a logarithm to base 10', of: (max, sum) => (max + Math.log(sum)) / Math.LN10 },
  { name: 'lse_log1p', text: 'lse is the maximum plus ln(1 + sum)', of: (max, sum) => max + Math.log1p(sum) },
  {
    name: 'lse_of_mean',
    text: 'lse is that of the mean of exponentials',
    of: (max, sum, L) => max + Math.log(sum / L),
  },
  { name: 'lse_max_twice', text: 'lse holds the maximum twice', of: (max, sum) => 2 * max + Math.log(sum) },
];

/** What is stored for logsumexp. */
export function logSumExpForms({ problem, output }: FaultContext): Variant[] {
  if (output !== 'lse') return [];
  const { L, scale, logitScale } = problem;
  const forms = [
    ...FORMS,
    ...(logitScale
      ? []
      : [
          {
            name: 'lse_divided_by_scale',
            text: 'lse is divided by the scale',
            of: (max: number, sum: number) => (max + Math.log(sum)) / scale,
          },
          {
            name: 'lse_max_not_scaled',
            text: 'the maximum is added before it is scaled',
            of: (max: number, sum: number) => max / scale + Math.log(sum),
          },
          {
            name: 'lse_scaled',
            text: 'lse is multiplied by the scale',
            of: (max: number, sum: number) => (max + Math.log(sum)) * scale,
          },
          {
            name: 'lse_max_scaled_twice',
            text: 'the maximum is scaled twice',
            of: (max: number, sum: number) => max * scale + Math.log(sum),
          },
        ]),
  ];
  return forms.map(({ name, text, of }) => ({
    name,
    explanation: text,
    fault: {
      output: (lse, { rows }, S) => {
        for (let r = 0; r < rows.length; r++) {
          const max = S.subarray(r * L, (r + 1) * L).reduce((m, s) => Math.max(m, s), Number.NEGATIVE_INFINITY);
          if (max !== Number.NEGATIVE_INFINITY) lse[r] = of(max, Math.exp((lse[r] as number) - max), L);
        }
      },
    },
  }));
}
