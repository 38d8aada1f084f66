import type { FaultShape } from './faults.js';
import type { Located } from './locateErrors.js';

/** Share of all rows up to which wrong ones may be leftovers of memory. */
const FEW_ROWS = 0.1;

interface LocalHypothesis {
  readonly name: string;
  readonly explanation: string;
  readonly residual: number;
}

/** Faults of a few places, which no formula gives: a window that holds another's output, rows that hold anything. */
export function localHypotheses(
  actual: Float64Array,
  truth: Float64Array,
  shape: FaultShape,
  { windows, wrongRows }: Located,
): LocalHypothesis[] {
  const { B, H, L, D } = shape;
  const norm = Math.sqrt(truth.reduce((sum, x) => sum + x * x, 0)) || 1;
  const hypotheses: LocalHypothesis[] = [];
  const units = [
    ...(windows.length === 1 && B > 1 ? [{ unit: windows[0] as number, size: H * L * D, count: B, step: 1 }] : []),
    ...soleHead(wrongRows, shape),
  ];
  let stale = Number.POSITIVE_INFINITY;
  for (const { unit, size, count, step } of units) {
    const part = actual.subarray(unit * size, (unit + 1) * size);
    for (let other = unit % step; other < count; other += step) {
      if (other === unit) continue;
      const apart = distance(part, truth.subarray(other * size, (other + 1) * size));
      if (apart < stale) stale = apart;
    }
  }
  if (units.length > 0) {
    const explanation = `window ${windows[0]} holds the output of another one`;
    hypotheses.push({ name: 'one_window_stale', explanation, residual: stale / norm });
  }
  if (wrongRows.length > 0 && wrongRows.length <= Math.max(1, FEW_ROWS * B * H * L) && !isWhole(wrongRows, L)) {
    const wrong = new Set(wrongRows);
    let squares = 0;
    actual.forEach((x, at) => {
      if (!wrong.has(Math.floor(at / D))) squares += (x - (truth[at] as number)) ** 2;
    });
    const shown = wrongRows
      .slice(0, 4)
      .map((row) => `[${Math.floor(row / (H * L))}, ${Math.floor(row / L) % H}, ${row % L}]`);
    hypotheses.push({
      name: 'uninitialised_row',
      explanation: `rows ${shown.join(', ')}${wrongRows.length > 4 ? ', …' : ''} hold what no formula gives, the others are right`,
      residual: Math.sqrt(squares) / norm,
    });
  }
  return hypotheses;
}

/** One head of one window, where nothing else is wrong. */
function soleHead(wrongRows: readonly number[], { B, H, L, D }: FaultShape) {
  const units = new Set(wrongRows.map((row) => Math.floor(row / L)));
  const [unit] = units;
  return unit !== undefined && units.size === 1 && B > 1 ? [{ unit, size: L * D, count: B * H, step: H }] : [];
}

/** Whether the rows are all rows of the windows and heads that they are in. */
function isWhole(rows: readonly number[], L: number): boolean {
  return rows.length === new Set(rows.map((row) => Math.floor(row / L))).size * L && L > 1;
}

function distance(x: Float64Array, y: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value, i) => sum + (value - (y[i] as number)) ** 2, 0));
}
