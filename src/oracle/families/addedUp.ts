import { range } from '../spread.js';
import { explainedBy, type StoreCandidate, type Stored, samplesOf } from './stored.js';

/** Accumulators that are not emptied between windows, heads or rows; sums over heads or windows that should be apart. */
export function addedUp(stored: Stored): StoreCandidate[] {
  const { truth, axes, output } = stored;
  const { B, H, L, D } = axes;
  const index = (b: number, h: number, i: number, d: number) => ((b * H + h) * L + i) * D + d;
  const read = (b: number, h: number, i: number, d: number) => truth[index(b, h, i, d)] as number;
  const samples = samplesOf(stored);
  const sums: [string, string, boolean, (b: number, h: number, i: number, d: number) => number][] = [
    [
      'accumulator_not_reset',
      'the sum goes on from the heads before',
      H > 1,
      (b, h, i, d) => range(h + 1).reduce((s, g) => s + read(b, g, i, d), 0),
    ],
    [
      'accumulator_not_reset',
      'the sum goes on from the windows before',
      B > 1,
      (b, h, i, d) => range(b + 1).reduce((s, c) => s + read(c, h, i, d), 0),
    ],
    [
      'accumulator_not_reset',
      'the sum goes on from the head before, of the last window too',
      B * H > 1,
      (b, h, i, d) => {
        let sum = 0;
        for (let unit = b * H + h; unit >= 0; unit--) sum += truth[(unit * L + i) * D + d] as number;
        return sum;
      },
    ],
    [
      'accumulator_not_reset',
      'the sum goes on from the rows before',
      L > 1,
      (b, h, i, d) => range(i + 1).reduce((s, r) => s + read(b, h, r, d), 0),
    ],
    [
      'accumulator_not_reset',
      'the result of the head before is added',
      B * H > 1,
      (b, h, i, d) => {
        const at = index(b, h, i, d);
        return (truth[at] as number) + (truth[at - L * D] ?? 0);
      },
    ],
    [
      'accumulator_not_reset',
      'the result of the window before is added',
      B > 1,
      (b, h, i, d) => read(b, h, i, d) + (b > 0 ? read(b - 1, h, i, d) : 0),
    ],
    ...([4, 8, 16, 32, 64] as const)
      .filter((tile) => tile < L)
      .map((tile): (typeof sums)[number] => [
        'accumulator_not_reset',
        `the sum goes on from the tiles of ${tile} rows before`,
        true,
        (b, h, i, d) => {
          let sum = 0;
          for (let r = i; r >= 0; r -= tile) sum += read(b, h, r, d);
          return sum;
        },
      ]),
    [
      'summed_over_heads',
      'every head holds the sum over heads',
      H > 1,
      (b, _, i, d) => range(H).reduce((s, g) => s + read(b, g, i, d), 0),
    ],
    [
      'averaged_over_heads',
      'every head holds the mean over heads',
      H > 1,
      (b, _, i, d) => range(H).reduce((s, g) => s + read(b, g, i, d), 0) / H,
    ],
    [
      'summed_over_windows',
      'every window holds the sum over windows',
      B > 1,
      (_, h, i, d) => range(B).reduce((s, c) => s + read(c, h, i, d), 0),
    ],
    [
      'averaged_over_windows',
      'every window holds the mean over windows',
      B > 1,
      (_, h, i, d) => range(B).reduce((s, c) => s + read(c, h, i, d), 0) / B,
    ],
    ['absolute_value', 'the output holds absolute values', true, (b, h, i, d) => Math.abs(read(b, h, i, d))],
    ['negatives_dropped', 'negative results are 0', true, (b, h, i, d) => Math.max(0, read(b, h, i, d))],
    ['rounded_to_integers', 'results are rounded to integers', true, (b, h, i, d) => Math.round(read(b, h, i, d))],
    ['truncated_to_integers', 'results are cut to integers', true, (b, h, i, d) => Math.trunc(read(b, h, i, d))],
  ];
  return sums
    .filter(([, , isPossible]) => isPossible)
    .map(([name, explanation, , of]) => ({
      name,
      explanation: `${explanation}, in ${output}`,
      residual: explainedBy(stored, samples, of).residual,
    }));
}
