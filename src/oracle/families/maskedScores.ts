import { type FaultContext, type FaultyUnit, type Variant, variant } from '../faults.js';
import { ZERO } from '../place.js';
import { TILES, unique } from './tileSizes.js';

/** What is masked out, or not, beside the mask itself. */
export function maskedScores({ problem }: FaultContext): Variant[] {
  const { L, bias, mask } = problem;
  const out = (name: string, explanation: string, isOut: (i: number, j: number) => boolean) =>
    variant(name, explanation, {
      scores: (S, { rows }) => {
        for (const [r, i] of rows.entries()) {
          for (let j = 0; j < L; j++) if (isOut(i, j)) S[r * L + j] = Number.NEGATIVE_INFINITY;
        }
      },
    });
  const kept = unique([L - 1, ...TILES.map((block) => Math.floor((L - 1) / block) * block)]).filter(
    (count) => count < L,
  );
  const maskAt = ({ b }: FaultyUnit, i: number, j: number) => mask?.[((b % problem.nW) * L + i) * L + j] as number;
  const biasAt = ({ h }: FaultyUnit, i: number, j: number) => bias?.[(h * L + i) * L + j] as number;
  const each = (change: (p: number, added: number) => number, at: typeof maskAt) => {
    return (P: Float64Array, unit: FaultyUnit) => {
      for (const [r, i] of unit.rows.entries()) {
        for (let j = 0; j < L; j++) P[r * L + j] = change(P[r * L + j] as number, at(unit, i, j));
      }
    };
  };
  const noMask = { mask: () => ZERO };
  const noBias = { bias: () => ZERO };
  return [
    ...(L > 1
      ? [
          ...kept.map((count) =>
            out('last_key_dropped', `the last ${L - count} keys are left out`, (_, j) => j >= count),
          ),
          out('causal_mask_added', 'a query sees no key behind its own place', (i, j) => j > i),
          out(
            'causal_mask_added',
            'a query sees no key from its own place on, the first one itself',
            (i, j) => j >= i && j > 0,
          ),
          out('causal_mask_reversed', 'a query sees no key before its own place', (i, j) => j < i),
          out('own_key_dropped', 'a query does not see its own key', (i, j) => j === i),
          out('first_key_dropped', 'the first key is left out', (_, j) => j === 0),
          ...TILES.filter((tile) => tile < L).flatMap((tile) => [
            out('first_key_tile_dropped', `the first ${tile} keys are left out`, (_, j) => j < tile),
            out(
              'key_tiles_diagonal',
              `a query sees the keys of its own tile of ${tile} alone`,
              (i, j) => Math.floor(i / tile) !== Math.floor(j / tile),
            ),
            out(
              'causal_by_tile',
              `a query sees no tile of ${tile} keys behind its own`,
              (i, j) => Math.floor(j / tile) > Math.floor(i / tile),
            ),
          ]),
        ]
      : []),
    ...(mask
      ? [
          variant('mask_after_softmax', 'the mask zeroes probabilities after the softmax', {
            ...noMask,
            probabilities: each((p, m) => (m < -1 ? 0 : p), maskAt),
          }),
          variant('mask_after_softmax', 'the mask is added to the probabilities', {
            ...noMask,
            probabilities: each((p, m) => p + m, maskAt),
          }),
          variant('mask_after_softmax', 'the probabilities are multiplied by e to the mask', {
            ...noMask,
            probabilities: each((p, m) => p * Math.exp(m), maskAt),
          }),
          variant('mask_multiplied', 'the scores are multiplied by the mask', {
            ...noMask,
            scores: each((s, m) => s * m, maskAt),
          }),
          variant('mask_scores_zeroed', 'masked scores are set to 0', {
            ...noMask,
            scores: each((s, m) => (m < -1 ? 0 : s), maskAt),
          }),
          variant('mask_inverted', 'the mask is added where it is 0, and not where it is not', {
            ...noMask,
            scores: each((s, m) => (m === 0 ? s - 100 : s), maskAt),
          }),
          variant('mask_inverted', 'scores are kept where the mask is not 0, and dropped where it is', {
            ...noMask,
            scores: each((s, m) => (m === 0 ? Number.NEGATIVE_INFINITY : s), maskAt),
          }),
          variant('mask_replaces_score', 'masked scores are set to the mask', {
            ...noMask,
            scores: each((s, m) => (m === 0 ? s : m), maskAt),
          }),
          variant('mask_scaled', 'the scale multiplies the mask too', { maskFactor: problem.scale }),
          variant('mask_multiplies_as_zero_one', 'a mask of 0 and 1 is added', {
            ...noMask,
            scores: each((s, m) => s + (m === 0 ? 0 : 1), maskAt),
          }),
          variant('mask_multiplies_as_zero_one', 'a mask of 1 and 0 is added', {
            ...noMask,
            scores: each((s, m) => s + (m === 0 ? 1 : 0), maskAt),
          }),
          variant('mask_multiplies_as_zero_one', 'a mask of 0 and −1 is added', {
            ...noMask,
            scores: each((s, m) => s - (m === 0 ? 0 : 1), maskAt),
          }),
        ]
      : []),
    ...(bias
      ? [
          variant('bias_scaled', 'the scale multiplies the bias too', { biasFactor: problem.scale }),
          variant('bias_after_softmax', 'the bias is added to the probabilities', {
            ...noBias,
            probabilities: each((p, x) => p + x, biasAt),
          }),
          variant('bias_after_softmax', 'the probabilities are multiplied by the bias', {
            ...noBias,
            probabilities: each((p, x) => p * x, biasAt),
          }),
          variant('bias_multiplied', 'the scores are multiplied by the bias', {
            ...noBias,
            scores: each((s, x) => s * x, biasAt),
          }),
          variant('bias_exponentiated', 'e to the bias is added', {
            ...noBias,
            scores: each((s, x) => s + Math.exp(x), biasAt),
          }),
          variant('bias_symmetrised', 'the mean of the bias and its transpose is added', {
            ...noBias,
            scores: (S, unit) => {
              for (const [r, i] of unit.rows.entries())
                for (let j = 0; j < L; j++)
                  S[r * L + j] = (S[r * L + j] as number) + (biasAt(unit, i, j) + biasAt(unit, j, i)) / 2;
            },
          }),
        ]
      : []),
    variant('scores_clipped', 'scores below 0 are set to 0', {
      scores: (S) =>
        S.forEach((s, at) => {
          if (s < 0) S[at] = 0;
        }),
    }),
    variant('scores_absolute', 'the absolute values of the scores enter the softmax', {
      scores: (S) =>
        S.forEach((s, at) => {
          S[at] = Math.abs(s);
        }),
    }),
  ];
}
