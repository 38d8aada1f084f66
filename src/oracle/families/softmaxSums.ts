import { type FaultContext, type FaultyUnit, type Softmax, type Variant, variant } from '../faults.js';
import { softmaxOf } from '../rowSoftmax.js';
import { TILES, unique } from './tileSizes.js';

/** e^(S − max) by rows, and the sums and maxima. */
interface Exponentials {
  readonly e: Float64Array;
  readonly sums: Float64Array;
  readonly maxima: Float64Array;
}

function exponentials(S: Float64Array, R: number, K: number): Exponentials {
  const e = new Float64Array(S.length);
  const sums = new Float64Array(R);
  const maxima = new Float64Array(R).fill(Number.NEGATIVE_INFINITY);
  for (let r = 0; r < R; r++) {
    let max = Number.NEGATIVE_INFINITY;
    for (let at = r * K; at < (r + 1) * K; at++) if (!((S[at] as number) <= max)) max = S[at] as number;
    maxima[r] = max;
    if (max === Number.NEGATIVE_INFINITY) continue;
    let sum = 0;
    for (let at = r * K; at < (r + 1) * K; at++) sum += e[at] = Math.exp((S[at] as number) - max);
    sums[r] = sum;
  }
  return { e, sums, maxima };
}

/** A softmax whose sum is `sumOf` of a row; lse follows from it. */
function withSum(sumOf: (sum: number, max: number, e: Float64Array, from: number, L: number) => number) {
  return (S: Float64Array, { rows, L }: FaultyUnit): Softmax => {
    const { e, sums, maxima } = exponentials(S, rows.length, L);
    const lse = new Float64Array(rows.length);
    for (let r = 0; r < rows.length; r++) {
      const sum = sumOf(sums[r] as number, maxima[r] as number, e, r * L, L);
      lse[r] = (maxima[r] as number) + Math.log(sum);
      for (let at = r * L; at < (r + 1) * L; at++) e[at] = (e[at] as number) === 0 ? 0 : (e[at] as number) / sum;
    }
    return { P: e, lse };
  };
}

function partSum(e: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += e[at] as number;
  return sum;
}

/** What is divided by, and how. */
export function softmaxSums({ problem }: FaultContext): Variant[] {
  const { L } = problem;
  const tiles = TILES.filter((tile) => tile < L);
  const padded = unique([
    ...[4, 8, 16, 32, 64, 128].map((block) => Math.ceil(L / block) * block),
    2 ** Math.ceil(Math.log2(L)),
  ]).map((size) => size - L);
  const one = variant('padded_key_one_counted', 'one key of zeros behind the window enters the softmax', {
    softmax: withSum((sum, max) => sum + Math.exp(-max)),
  });
  return [
    ...unique(padded)
      .filter((count) => count !== 1)
      .map((count) =>
        variant('padded_keys_counted', `${count} keys of zeros that pad the window enter the softmax`, {
          softmax: withSum((sum, max) => sum + count * Math.exp(-max)),
        }),
      ),
    padded.includes(1) ? { ...one, name: 'padded_keys_counted' } : one,
    ...[2, 3, 4].map((count) =>
      variant('padded_keys_counted', `${count} keys of zeros behind the window enter the softmax`, {
        softmax: withSum((sum, max) => sum + count * Math.exp(-max)),
      }),
    ),
    variant('sum_one_too_large', 'the sum of exponentials begins at 1', { softmax: withSum((sum) => sum + 1) }),
    variant('output_not_normalised', 'the output is not divided by the sum of exponentials', {
      softmax: withSum(() => 1),
    }),
    variant(
      'output_not_normalised',
      'the output is not divided by the sum of exponentials, the maximum is not subtracted',
      {
        softmax: withSum((_, max) => Math.exp(-max)),
      },
    ),
    variant('normalised_twice', 'the output is divided by the sum of exponentials twice', {
      softmax: withSum((sum) => sum * sum),
    }),
    variant('sum_rooted', 'the output is divided by the root of the sum of exponentials', {
      softmax: withSum((sum) => Math.sqrt(sum)),
    }),
    variant('normalised_by_norm', 'the output is divided by the root of the sum of squared exponentials', {
      softmax: withSum((_, __, e, from, K) => Math.sqrt(e.subarray(from, from + K).reduce((s, x) => s + x * x, 0))),
    }),
    variant('divided_by_tokens', 'the output is divided by the number of keys', {
      softmax: withSum((_, __, ___, ____, K) => K),
    }),
    ...tiles.flatMap((tile) => {
      const last = Math.floor((L - 1) / tile) * tile;
      return [
        variant('sum_of_first_tile', `the sum of exponentials holds the first ${tile} keys alone`, {
          softmax: withSum((_, __, e, from) => partSum(e, from, from + tile)),
        }),
        variant('sum_of_last_tile', `the sum of exponentials holds the last tile of ${tile} keys alone`, {
          softmax: withSum((_, __, e, from, K) => partSum(e, from + last, from + K)),
        }),
        variant('sum_without_last_tile', `the sum of exponentials lacks the last tile of ${tile} keys`, {
          softmax: withSum((_, __, e, from) => partSum(e, from, from + last)),
        }),
        variant('sum_without_first_tile', `the sum of exponentials lacks the first ${tile} keys`, {
          softmax: withSum((_, __, e, from, K) => partSum(e, from + tile, from + K)),
        }),
      ];
    }),
    ...(L > 1
      ? [
          variant('sum_without_last_key', 'the sum of exponentials lacks the last key', {
            softmax: withSum((sum, _, e, from, K) => sum - (e[from + K - 1] as number)),
          }),
          variant('sum_without_first_key', 'the sum of exponentials lacks the first key', {
            softmax: withSum((sum, _, e, from) => sum - (e[from] as number)),
          }),
          variant('sum_last_key_twice', 'the sum of exponentials holds the last key twice', {
            softmax: withSum((sum, _, e, from, K) => sum + (e[from + K - 1] as number)),
          }),
          variant('sum_first_key_twice', 'the sum of exponentials holds the first key twice', {
            softmax: withSum((sum, _, e, from) => sum + (e[from] as number)),
          }),
          ...[1, L - 1].map((step) =>
            variant('sum_of_next_row', 'a row is divided by the sum of its neighbour', {
              needsAllRows: true,
              softmax: (S, { rows, L: K }) => {
                const { e, sums, maxima } = exponentials(S, rows.length, K);
                const other = (r: number) => sums[(r + step) % rows.length] as number;
                const lse = maxima.map((max, r) => max + Math.log(other(r)));
                return { P: e.map((x, at) => (x === 0 ? 0 : x / other(Math.floor(at / K)))), lse };
              },
            }),
          ),
          variant('sum_of_first_row', 'all rows are divided by the sum of the first', {
            needsAllRows: true,
            softmax: (S, { rows, L: K }) => {
              const { e, sums, maxima } = exponentials(S, rows.length, K);
              const sum = sums[0] as number;
              return { P: e.map((x) => x / sum), lse: maxima.map((max) => max + Math.log(sum)) };
            },
          }),
          variant('softmax_over_queries', 'the softmax runs over queries instead of keys', {
            needsAllRows: true,
            softmax: (S, { rows, L: K }) => {
              const turned = new Float64Array(S.length);
              for (let i = 0; i < K; i++) for (let j = 0; j < K; j++) turned[j * K + i] = S[i * K + j] as number;
              const { P, lse } = softmaxOf(turned, rows.length, K);
              const back = new Float64Array(S.length);
              for (let i = 0; i < K; i++) for (let j = 0; j < K; j++) back[i * K + j] = P[j * K + i] as number;
              return { P: back, lse };
            },
          }),
          variant('softmax_over_window', 'the softmax runs over all queries and keys of the window at once', {
            needsAllRows: true,
            softmax: (S, { rows }) => {
              const { P, lse } = softmaxOf(S, 1, S.length);
              return { P, lse: new Float64Array(rows.length).fill(lse[0] as number) };
            },
          }),
        ]
      : []),
    variant('sigmoid_for_softmax', 'the sigmoid of every score takes the place of the softmax', {
      softmax: (S, { rows, L: K }) => ({ ...softmaxOf(S, rows.length, K), P: S.map((s) => 1 / (1 + Math.exp(-s))) }),
    }),
    variant('softmax_missing', 'the scores meet the values without a softmax', {
      softmax: (S, { rows, L: K }) => ({ ...softmaxOf(S, rows.length, K), P: S }),
    }),
    variant('softmax_applied_twice', 'the softmax is applied twice', {
      softmax: (S, { rows, L: K }) => softmaxOf(softmaxOf(S, rows.length, K).P, rows.length, K),
    }),
    variant('log_softmax', 'the logarithm of the probabilities meets the values', {
      softmax: (S, { rows, L: K }) => {
        const { lse, P } = softmaxOf(S, rows.length, K);
        return { P: P.map((_, at) => (S[at] as number) - (lse[Math.floor(at / K)] as number)), lse };
      },
    }),
    variant('probabilities_not_divided_masked', 'probabilities below 1 / 256 are dropped', {
      probabilities: (P) =>
        P.forEach((p, at) => {
          if (p < 1 / 256) P[at] = 0;
        }),
    }),
  ];
}
