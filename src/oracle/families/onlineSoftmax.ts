import { type Fault, type FaultContext, type FaultyUnit, type Softmax, type Variant, variant } from '../faults.js';
import { softmaxOf } from '../rowSoftmax.js';
import { TILES, unique } from './tileSizes.js';

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
