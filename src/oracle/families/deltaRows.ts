import type { FaultContext, Variant } from '../faults.js';
import { TILES } from './tileSizes.js';

/** Delta that is wrong for some queries alone, which dK sums over; other outputs show these queries as their wrong rows. */
export function deltaOfSomeRows({ problem, output }: FaultContext): Variant[] {
  const { L } = problem;
  if (output !== 'dK' || L === 1) return [];
  const rows: readonly (readonly [string, (i: number) => boolean])[] = [
    ['odd queries', (i) => i % 2 === 1],
    ['even queries', (i) => i % 2 === 0],
    ['the first query', (i) => i === 0],
    ['the last query', (i) => i === L - 1],
    ...TILES.filter((tile) => tile < L).flatMap((tile) => {
      const last = Math.floor((L - 1) / tile) * tile;
      return [
        [`the first ${tile} queries`, (i: number) => i < tile],
        [`all but the first ${tile} queries`, (i: number) => i >= tile],
        [`the last ${L - last} queries`, (i: number) => i >= last],
        [`all but the last ${L - last} queries`, (i: number) => i < last],
      ] as const;
    }),
  ];
  const changes = [
    ['missing', 'is not subtracted', 0],
    ['sign', 'is added', -1],
    ['twice', 'is subtracted twice', 2],
    ['half', 'is halved', 0.5],
  ] as const;
  return changes.flatMap(([name, words, factor]) =>
    rows.map(
      ([where, has]): Variant => ({
        name: `delta_${name}_in_rows`,
        explanation: `delta, rowsum(dO ∘ O), ${words} for ${where}`,
        fault: {
          delta: (delta, { rows: own }) => {
            for (const [r, i] of own.entries()) if (has(i)) delta[r] = factor * (delta[r] as number);
          },
        },
      }),
    ),
  );
}
