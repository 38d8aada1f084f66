import { ROUNDING } from '../hypothesis.js';
import { range, spread } from '../spread.js';
import { FEW, type StoreCandidate, type Stored, UNITS } from './stored.js';

/** Elements by which windows are told apart at first. */
const PROBES = 48;

/** Every wrong window, or window and head, beside the right ones that it may hold. */
export function matchedUnits({ actual, truth, axes, located }: Stored): StoreCandidate[] {
  const { B, H, L, D } = axes;
  const windows = [...new Set(located.units.map((unit) => Math.floor(unit / H)))];
  const isWholeRow = located.rows.length === L && located.columns.length === D;
  if (!isWholeRow) return [];
  const byWindow = matches(windows, B, H * L * D, actual, truth);
  if (byWindow && windows.length * H === located.units.length) return [unitCandidate('window', byWindow, B)];
  const byUnit = matches(located.units, B * H, L * D, actual, truth);
  if (!byUnit) return [];
  const isSameWindow = byUnit.pairs.every(([to, from]) => Math.floor(to / H) === Math.floor(from / H));
  const isSameHead = byUnit.pairs.every(([to, from]) => to % H === from % H);
  if (located.units.length === 1) {
    const [[to, from]] = byUnit.pairs as [[number, number]];
    const text = `window ${Math.floor(to / H)}, head ${to % H} holds the output of window ${Math.floor(from / H)}, head ${from % H}`;
    return [{ name: 'one_window_stale', explanation: text, residual: byUnit.residual }];
  }
  const parts = (of: (unit: number) => number): Matches => ({
    residual: byUnit.residual,
    pairs: [...new Map(byUnit.pairs.map(([to, from]) => [of(to), of(from)])).entries()],
  });
  if (isSameHead)
    return [
      unitCandidate(
        'window',
        parts((unit) => Math.floor(unit / H)),
        B,
      ),
    ];
  if (isSameWindow)
    return [
      unitCandidate(
        'head',
        parts((unit) => unit % H),
        H,
      ),
    ];
  return [unitCandidate('window_and_head', byUnit, B * H)];
}

interface Matches {
  readonly residual: number;
  /** Where it lies, and where it belongs. */
  readonly pairs: readonly (readonly [number, number])[];
}

function unitCandidate(word: string, { pairs, residual }: Matches, count: number): StoreCandidate {
  const from = new Map(pairs);
  const isSwap = pairs.every(([to, source]) => from.get(source) === to);
  const sources = new Set(from.values());
  const shown = pairs.slice(0, 4).map(([to, source]) => `${to} holds ${source}`);
  const text = `${shown.join(', ')}${pairs.length > 4 ? ', …' : ''}`;
  const words = word.replaceAll('_', ' ');
  if (pairs.length === 1 && count > 1) {
    return {
      name: word === 'window' ? 'one_window_stale' : `one_${word}_stale`,
      explanation: `${words} ${pairs[0]?.[0]} holds the output of another one: ${words} ${text}`,
      residual,
    };
  }
  const name = isSwap
    ? `${word}s_swapped`
    : sources.size === 1
      ? `${word}_${[...sources][0]}_repeated`
      : `${word}s_permuted`;
  return {
    name: name.replace('window_and_heads', 'windows_and_heads'),
    explanation: `outputs are stored in other ${words}s than their own: ${words} ${text}`,
    residual,
  };
}

/** For each of `wrong` units of the actual output, the unit of the truth that it is; undefined where one is none. */
function matches(
  wrong: readonly number[],
  count: number,
  size: number,
  actual: Float64Array,
  truth: Float64Array,
): Matches | undefined {
  if (count < 2 || size < FEW) return undefined;
  const probes = spread(range(size), PROBES);
  const pairs: [number, number][] = [];
  let [squares, scale] = [0, 0];
  for (const unit of spread(wrong, 4 * UNITS)) {
    const apart = (other: number, at: readonly number[]) => {
      let [sum, own] = [0, 0];
      for (const n of at) {
        const [x, y] = [actual[unit * size + n] as number, truth[other * size + n] as number];
        if (x !== y) sum += (x - y) ** 2;
        if (Number.isFinite(y)) own += y * y;
      }
      return Number.isNaN(sum) ? ([Number.POSITIVE_INFINITY, 1] as const) : ([sum, own] as const);
    };
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let other = 0; other < count; other++) {
      if (other === unit) continue;
      const [sum] = apart(other, probes);
      if (sum < least) [best, least] = [other, sum];
    }
    if (best < 0) return undefined;
    const [sum, own] = apart(best, range(size));
    if (!(sum <= (2 * ROUNDING) ** 2 * own)) return undefined;
    squares += sum;
    scale += own;
    pairs.push([unit, best]);
  }
  return pairs.length > 0 ? { pairs, residual: Math.sqrt(squares / (scale || 1)) } : undefined;
}
