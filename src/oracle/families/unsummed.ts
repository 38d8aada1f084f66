import type { FaultyAttention } from '../faultyAttention.js';
import type { FaultyProblem } from '../faultyProblem.js';
import { ROUNDING } from '../hypothesis.js';
import { range } from '../spread.js';

/** What fits by chance leaves at least so many times more. */
const BEYOND_CHANCE = 8;

/**
 * Whether every element of dBias `[H, L, L]` is that of a single window, as if the last of racing windows had stored its own.
 * `rows` of each head are looked at. Returns what that leaves, or undefined where as much would fit by chance.
 */
export function storedByOneWindow(
  problem: FaultyProblem,
  kernel: FaultyAttention,
  actual: Float64Array,
  heads: readonly number[],
  rows: readonly number[],
): { residual: number; text: string } | undefined {
  const { B, L } = problem;
  if (B < 2) return undefined;
  let [squares, byChance, size] = [0, 0, 0];
  const owners: string[] = [];
  for (const h of heads) {
    const parts = range(B).map((b) => kernel.run({}, 'dBias', b, h));
    const counts = new Array<number>(B).fill(0);
    for (const [r, i] of rows.entries()) {
      for (let j = 0; j < L; j++) {
        const y = actual[(h * L + i) * L + j] as number;
        let [least, control, owner] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
        for (const [b, part] of parts.entries()) {
          const apart = ((part[r * L + j] as number) - y) ** 2;
          if (apart < least) [least, owner] = [apart, b];
          // The neighbour's elements are as likely to lie near by chance.
          control = Math.min(control, ((part[r * L + ((j + 1) % L)] as number) - y) ** 2);
        }
        counts[owner] = (counts[owner] as number) + 1;
        squares += least;
        byChance += control;
        size += y * y;
      }
    }
    const most = counts.indexOf(Math.max(...counts));
    owners.push(
      `${(100 * (counts[most] as number)) / (rows.length * L) > 99 ? '' : 'mostly '}window ${most} in head ${h}`,
    );
  }
  const residual = Math.sqrt(squares / (size || 1));
  if (!(residual <= ROUNDING) || Math.sqrt(byChance / (size || 1)) < BEYOND_CHANCE * residual) return undefined;
  return { residual, text: owners.slice(0, 4).join(', ') };
}
