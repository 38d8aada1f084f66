import { NORM_FLOOR } from '../../reference/scores.js';
import type { Normalisation } from '../faults.js';
import { normOf } from '../rowNorms.js';
import { TILES } from './tileSizes.js';

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
export function normKinds(L: number, D: number): NormKind[] {
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
