import type { Fault, FaultContext, FaultyUnit, Softmax, Variant } from '../faults.js';
import { softmaxOf } from '../faultyAttention.js';
import { TILES, unique, ZERO } from './places.js';

const variant = (name: string, explanation: string, fault: Fault): Variant => ({ name, explanation, fault });

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

/** What goes wrong where keys come in tiles and the maximum grows from one to the next. */
export function onlineSoftmax({ problem }: FaultContext): Variant[] {
  const { L } = problem;
  const sizes = unique([...TILES.filter((tile) => tile < L && tile >= 4), Math.ceil(L / 2), 1, 2]).filter(
    (tile) => tile < L,
  );
  return sizes.flatMap((tile) => {
    const tiled = (kinds: TileFault): Fault => ({ softmax: (S, unit) => tiledSoftmax(S, unit, tile, kinds) });
    return [
      variant(
        'rescale_missing',
        `over tiles of ${tile} keys, neither the sum nor the output is rescaled when the maximum grows`,
        tiled({ sum: 'kept', output: 'kept' }),
      ),
      variant(
        'sum_rescale_missing',
        `over tiles of ${tile} keys, the sum is not rescaled when the maximum grows`,
        tiled({ sum: 'kept' }),
      ),
      variant(
        'output_rescale_missing',
        `over tiles of ${tile} keys, the output is not rescaled when the maximum grows`,
        tiled({ output: 'kept' }),
      ),
      variant(
        'rescale_inverted',
        `over tiles of ${tile} keys, sum and output are rescaled by the inverse`,
        tiled({ sum: 'inverted', output: 'inverted' }),
      ),
      variant(
        'rescale_inverted',
        `over tiles of ${tile} keys, the output is rescaled by the inverse`,
        tiled({ output: 'inverted' }),
      ),
      variant(
        'rescale_inverted',
        `over tiles of ${tile} keys, the sum is rescaled by the inverse`,
        tiled({ sum: 'inverted' }),
      ),
      variant('rescale_twice', `over tiles of ${tile} keys, the output is rescaled twice`, tiled({ output: 'twice' })),
      variant('rescale_twice', `over tiles of ${tile} keys, the sum is rescaled twice`, tiled({ sum: 'twice' })),
      variant(
        'rescale_in_base_2',
        `over tiles of ${tile} keys, sum and output are rescaled in base 2`,
        tiled({ sum: 'base2', output: 'base2' }),
      ),
      variant(
        'rescale_in_base_2',
        `over tiles of ${tile} keys, the output is rescaled in base 2`,
        tiled({ output: 'base2' }),
      ),
      variant(
        'rescale_in_base_2',
        `over tiles of ${tile} keys, the sum is rescaled in base 2`,
        tiled({ sum: 'base2' }),
      ),
      variant(
        'rescale_wrongly',
        `over tiles of ${tile} keys, the maximum of a tile alone is subtracted and nothing remembered`,
        tiled({ isTileMaximum: true, sum: 'kept', output: 'kept' }),
      ),
      variant(
        'rescale_after_addition',
        `over tiles of ${tile} keys, the new tile is rescaled with what came before`,
        tiled({ sum: 'late', output: 'late' }),
      ),
      variant(
        'rescale_after_addition',
        `over tiles of ${tile} keys, the new tile is rescaled with the output before it`,
        tiled({ output: 'late' }),
      ),
      variant(
        'rescale_after_addition',
        `over tiles of ${tile} keys, the new tile is rescaled with the sum before it`,
        tiled({ sum: 'late' }),
      ),
      variant('each_tile_normalised', `every tile of ${tile} keys has a softmax of its own`, {
        softmax: (S, { rows, L: K }) => {
          const P = new Float64Array(S.length);
          const lse = new Float64Array(rows.length);
          for (let from = 0; from < K; from += tile) {
            const width = Math.min(tile, K - from);
            const part = Float64Array.from(
              { length: rows.length * width },
              (_, at) => S[Math.floor(at / width) * K + from + (at % width)] as number,
            );
            const own = softmaxOf(part, rows.length, width);
            own.P.forEach((p, at) => {
              P[Math.floor(at / width) * K + from + (at % width)] = p;
            });
            lse.set(own.lse);
          }
          return { P, lse };
        },
      }),
      variant(
        'sum_overwritten',
        `the sum of exponentials holds the last tile of ${tile} keys, the output all`,
        tiled({ sum: 'dropped' }),
      ),
      variant(
        'output_overwritten',
        `the output holds the last tile of ${tile} keys, the sum all`,
        tiled({ output: 'dropped' }),
      ),
      variant(
        'tiles_overwritten',
        `sum and output hold the last tile of ${tile} keys alone`,
        tiled({ sum: 'dropped', output: 'dropped' }),
      ),
    ];
  });
}

type Rescale = 'right' | 'kept' | 'inverted' | 'twice' | 'base2' | 'late' | 'dropped';
interface TileFault {
  readonly sum?: Rescale;
  readonly output?: Rescale;
  readonly isTileMaximum?: true;
}

function tiledSoftmax(S: Float64Array, { rows, L }: FaultyUnit, tile: number, fault: TileFault): Softmax {
  const P = new Float64Array(S.length);
  const lse = new Float64Array(rows.length);
  const rescaled = (kind: Rescale, alpha: number): number => {
    if (kind === 'kept') return 1;
    if (kind === 'dropped') return 0;
    if (kind === 'inverted') return alpha === 0 ? 1 : 1 / alpha;
    if (kind === 'twice') return alpha * alpha;
    if (kind === 'base2') return alpha ** Math.LN2;
    return alpha;
  };
  for (let r = 0; r < rows.length; r++) {
    let max = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (let from = 0; from < L; from += tile) {
      const to = Math.min(from + tile, L);
      let own = Number.NEGATIVE_INFINITY;
      for (let j = from; j < to; j++) own = Math.max(own, S[r * L + j] as number);
      const next = fault.isTileMaximum ? own : Math.max(max, own);
      // Nothing came before the first tile, and nothing is known of rows that are masked so far.
      const alpha = max === Number.NEGATIVE_INFINITY ? 0 : Math.exp(max - next);
      let added = 0;
      const isFirst = from === 0 || max === Number.NEGATIVE_INFINITY;
      const [outputKind, sumKind] = [fault.output ?? 'right', fault.sum ?? 'right'];
      const outputFactor = isFirst ? 0 : rescaled(outputKind, alpha);
      for (let j = 0; j < from; j++) P[r * L + j] = (P[r * L + j] as number) * outputFactor;
      for (let j = from; j < to; j++) {
        const e = next === Number.NEGATIVE_INFINITY ? 0 : Math.exp((S[r * L + j] as number) - next);
        P[r * L + j] = outputKind === 'late' && !isFirst ? e * alpha : e;
        added += e;
      }
      const before = isFirst ? 0 : sum * rescaled(sumKind, alpha);
      sum = sumKind === 'late' && !isFirst ? before + added * alpha : before + added;
      max = next;
    }
    for (let j = 0; j < L; j++) P[r * L + j] = (P[r * L + j] as number) === 0 ? 0 : (P[r * L + j] as number) / sum;
    lse[r] = max + Math.log(sum);
  }
  return { P, lse };
}

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
