import type { FaultContext, FaultyUnit, Variant } from '../faults.js';
import { TILES, unique } from './tileSizes.js';

/** Places of the scores that a condition of a kernel's loops tells from the others. */
interface Part {
  readonly words: string;
  readonly has: (i: number, j: number) => boolean;
}

function parts(L: number): Part[] {
  return [
    { words: 'on the diagonal', has: (i, j) => i === j },
    { words: 'beside the diagonal', has: (i, j) => i !== j },
    { words: 'above the diagonal', has: (i, j) => j > i },
    { words: 'below the diagonal', has: (i, j) => j < i },
    { words: 'of the first key', has: (_, j) => j === 0 },
    { words: 'of the last key', has: (_, j) => j === L - 1 },
    ...TILES.filter((tile) => tile < L).flatMap((tile) => {
      const last = Math.floor((L - 1) / tile) * tile;
      return [
        { words: `of the first ${tile} keys`, has: (_: number, j: number) => j < tile },
        { words: `of all but the first ${tile} keys`, has: (_: number, j: number) => j >= tile },
        { words: `of the last ${L - last} keys`, has: (_: number, j: number) => j >= last },
      ];
    }),
  ];
}

/** A bias or mask that is missing, subtracted or added twice for some pairs of queries and keys. */
export function addedInParts({ problem }: FaultContext): Variant[] {
  const { L, bias, mask, nW } = problem;
  if (L === 1) return [];
  const added = [
    { word: 'bias', x: bias, at: ({ h }: FaultyUnit) => h },
    { word: 'mask', x: mask, at: ({ b }: FaultyUnit) => b % nW },
  ];
  const changes = [
    { name: 'missing', words: 'is not added', factor: 0 },
    { name: 'sign', words: 'is subtracted', factor: -1 },
    { name: 'twice', words: 'is added twice', factor: 2 },
  ];
  return added.flatMap(({ word, x, at }) => {
    if (!x) return [];
    return parts(L).flatMap(({ words: where, has }) =>
      changes.map(({ name, words, factor }): Variant => {
        const scores = (S: Float64Array, unit: FaultyUnit) => {
          const from = at(unit) * L * L;
          for (const [r, i] of unit.rows.entries()) {
            for (let j = 0; j < L; j++) {
              const value = x[from + i * L + j] as number;
              // −∞ times 0 is no number: where the mask forbids a key, the score without it is unknown.
              if (has(i, j) && value !== 0) S[r * L + j] = (S[r * L + j] as number) + (factor - 1) * value;
            }
          }
        };
        return { name: `${word}_${name}_in_part`, explanation: `the ${word} ${words} ${where}`, fault: { scores } };
      }),
    );
  });
}

/** Keys that are seen up to a distance alone, as of a sliding window. */
export function keyBands({ problem, output }: FaultContext): Variant[] {
  const { L } = problem;
  const side = Math.round(Math.sqrt(L));
  const every = Array.from({ length: L - 1 }, (_, n) => n + 1);
  // Gradients take longer, and begin with what explained the output.
  const distances = L <= 64 && !output.startsWith('d') ? every : unique([1, 2, ...TILES, side]).filter((n) => n < L);
  const band = (words: string, isOut: (i: number, j: number) => boolean): Variant => ({
    name: 'key_band',
    explanation: `a query sees no key ${words}`,
    fault: {
      scores: (S, { rows }) => {
        for (const [r, i] of rows.entries()) {
          for (let j = 0; j < L; j++) if (isOut(i, j)) S[r * L + j] = Number.NEGATIVE_INFINITY;
        }
      },
    },
  });
  return distances.flatMap((n) => [
    band(`more than ${n} behind its own place`, (i, j) => j > i + n),
    band(`more than ${n} before its own place`, (i, j) => j < i - n),
    band(`more than ${n} from its own place`, (i, j) => Math.abs(i - j) > n),
  ]);
}

/** Keys that clamped reads behind the window, or before it, repeat. */
export function keysRepeated({ problem }: FaultContext): Variant[] {
  const { L } = problem;
  const padding = [4, 8, 16, 32, 64, 128, 2 ** Math.ceil(Math.log2(L))].map(
    (block) => Math.ceil(L / block) * block - L,
  );
  const counts = unique([...padding, 1, 2, 3]).filter((count) => count > 0);
  return counts.flatMap((count) =>
    (
      [
        ['last', L - 1],
        ['first', 0],
      ] as const
    ).map(
      ([word, key]): Variant => ({
        name: `${word}_key_repeated`,
        explanation: `the ${word} key and its value are counted ${count + 1} times, as by reads that are clamped to the window`,
        fault: {
          scores: (S, { rows }) => {
            for (let r = 0; r < rows.length; r++) S[r * L + key] = (S[r * L + key] as number) + Math.log(count + 1);
          },
        },
      }),
    ),
  );
}
