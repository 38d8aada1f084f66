import type { Candidate } from '../hypothesis.js';
import { describeRows, FEW_ROWS } from './fills.js';
import type { Stored } from './stored.js';

/** Everything else is simpler. */
const LAST = 3e6;

/** A few wrong rows, which no formula gives. */
export function leftovers({ actual, truth, axes, located }: Stored): Candidate | undefined {
  const { B, H, L, D } = axes;
  const { units, rows, columns, where } = located;
  const isWhole = rows.length === L && L > 1;
  if (where === undefined || isWhole || units.length * rows.length > Math.max(1, FEW_ROWS * B * H * L))
    return undefined;
  const wrong = new Set(units.flatMap((unit) => rows.flatMap((i) => columns.map((d) => (unit * L + i) * D + d))));
  let [squares, size] = [0, 0];
  truth.forEach((t, at) => {
    if (wrong.has(at) || !Number.isFinite(t)) return;
    squares += ((actual[at] as number) - t) ** 2;
    size += t * t;
  });
  const list = units.flatMap((unit) => rows.map((i) => unit * L + i));
  return {
    name: 'uninitialised_row',
    explanation: `${describeRows(list, axes)} hold what no formula gives, the others are right`,
    residual: Math.sqrt(squares / (size || 1)),
    order: LAST,
  };
}
