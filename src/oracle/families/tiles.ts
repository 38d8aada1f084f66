import type { Fault, FaultContext, OperandName, Variant } from '../faults.js';
import { type At, ZERO } from '../place.js';
import { TILES, unique } from './tileSizes.js';

/** Smallest tile, in rows: smaller ones are no more than a vector. */
const SMALLEST = 8;

/** Rows that a loop over tiles takes for its own; `ZERO` behind the window. */
interface Step {
  /** Completes "… is read". */
  readonly text: string;
  readonly row: (i: number) => number;
}

/** What `rowPlaces` has of tiles, for operands together with bias and mask. */
function plainSteps(L: number, tile: number): Step[] {
  return [
    { text: `from the first ${tile} rows for every tile`, row: (i) => i % tile },
    { text: `one tile of ${tile} rows late`, row: (i) => (i < tile ? i : i - tile) },
    { text: `one tile of ${tile} rows further`, row: (i) => (i + tile < L ? i + tile : ZERO) },
  ];
}

/** What goes wrong with the tile that a loop is at, beside those. */
function steps(L: number, tile: number): Step[] {
  const count = Math.ceil(L / tile);
  const own = (i: number) => Math.floor(i / tile);
  /** The same row of another tile. */
  const at = (of: (t: number) => number) => (i: number) => {
    const row = of(own(i)) * tile + (i % tile);
    return row < L ? row : ZERO;
  };
  const words = `of ${tile} rows`;
  const numbers = unique([1, 2, 3, count - 1]).filter((t) => t > 0 && t < count);
  return [
    ...numbers
      .filter((t) => t > 1)
      .map((t) => ({
        text: `one tile ${words} late from tile ${t} on`,
        row: (i: number) => (own(i) >= t ? i - tile : i),
      })),
    ...numbers
      .filter((t) => t < count - 1 || t > 1)
      .map((t) => ({
        text: `twice from tile ${t - 1} ${words}, tile ${t} never`,
        row: (i: number) => (own(i) === t ? i - tile : i),
      })),
    { text: `from the next tile ${words}, wrapped at the end of the window`, row: (i) => (i + tile) % L },
    { text: `from the next tile ${words}, the first one behind the last`, row: at((t) => (t + 1) % count) },
    { text: `from the next tile ${words}, the last one from itself`, row: at((t) => Math.min(t + 1, count - 1)) },
    {
      text: `from the next tile ${words}, the last row where the window ends`,
      row: (i) => Math.min(i + tile, L - 1),
    },
    { text: `from the tile ${words} before, the last one for the first`, row: at((t) => (t + count - 1) % count) },
    { text: `with neighbouring tiles ${words} swapped`, row: at((t) => ((t ^ 1) < count ? t ^ 1 : t)) },
    { text: `with the tiles ${words} in reverse order`, row: at((t) => count - 1 - t) },
    { text: `from the last tile ${words} for every tile`, row: at(() => count - 1) },
    { text: `from one tile ${words} for two in a row`, row: at((t) => t - (t % 2)) },
  ];
}

/** Keys or values of another tile, alone or with bias and mask; queries and their gradients in loops over queries. */
export function tilesElsewhere({ problem, output }: FaultContext): Variant[] {
  const { H, L, D, nW, bias, mask } = problem;
  const isGradient = output.startsWith('d');
  const sets: readonly (readonly [names: readonly OperandName[], isWithScores?: true])[] = [
    [['k']],
    [['q']],
    ...(output === 'lse' ? [] : ([[['v']], [['k', 'v']]] as const)),
    ...(isGradient ? ([[['dO']], [['q', 'dO']]] as const) : []),
    ...((bias || mask) && !isGradient ? ([[['k'], true]] as const) : []),
    ...((bias || mask) && output === 'o' ? ([[['k', 'v'], true]] as const) : []),
  ];
  return TILES.filter((tile) => tile >= SMALLEST && tile < L).flatMap((tile) =>
    sets.flatMap(([names, isWithScores]) => {
      const others = isWithScores ? [...(bias ? ['bias'] : []), ...(mask ? ['mask'] : [])] : [];
      const all = [...names, ...others];
      return [...(isWithScores ? plainSteps(L, tile) : []), ...steps(L, tile)].map(({ text, row }): Variant => {
        const operand: At = (b, h, i, d) => {
          const from = row(i);
          return from === ZERO ? ZERO : ((b * H + h) * L + from) * D + d;
        };
        const added =
          (matrix: (b: number, h: number) => number): At =>
          (b, h, i, j) => {
            const from = row(j);
            return from === ZERO ? ZERO : (matrix(b, h) * L + i) * L + from;
          };
        const fault: Fault = {
          ...Object.fromEntries(names.map((name) => [name, { at: operand }])),
          ...(isWithScores && bias && { bias: added((_, h) => h) }),
          ...(isWithScores && mask && { mask: added((b) => b % nW) }),
        };
        return {
          name: `${names.join('_and_')}_tile_elsewhere`,
          explanation: `${all.join(', ')} ${all.length > 1 ? 'are' : 'is'} read ${text}`,
          fault,
        };
      });
    }),
  );
}
