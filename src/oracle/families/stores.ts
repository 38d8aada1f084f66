import type { WindowOutputName } from '../checkCase.js';
import { type Candidate, ROUNDING } from '../hypothesis.js';
import type { Located } from '../locateErrors.js';
import { range, spread, Tally } from '../search.js';
import { type At, type Axes, places, UNKNOWN, ZERO } from './places.js';

/** An output beside the right one. */
export interface Stored {
  readonly output: WindowOutputName;
  readonly actual: Float64Array;
  readonly truth: Float64Array;
  readonly axes: Axes;
  /** Windows of an image; 0 without a mask. */
  readonly nW: number;
  readonly located: Located;
}

type StoreCandidate = Omit<Candidate, 'order'>;

/** Windows and heads that are compared, and rows of them. */
const UNITS = 24;
const ROWS = 16;
/** Elements by which windows are told apart at first. */
const PROBES = 48;
/** Largest output that is stored anew for every place. */
const MOST_SCATTERED = 1.5e6;
/** Results that are looked for at the place of each before all are stored, how they are drawn along the axes, and how near they lie. */
const SOURCES = 12;
const STEPS = [Math.SQRT2, Math.sqrt(3), Math.sqrt(5), Math.sqrt(7)] as const;
const ALIKE = 0.03;
/** Elements that must agree before a place is believed. */
const FEW = 4;

/** Right results at wrong places: the outputs of windows, heads, rows and columns exchanged, lost or added up. */
export function storedElsewhere(stored: Stored): StoreCandidate[] {
  return [...matchedUnits(stored), ...matchedLines(stored), ...gathered(stored), ...addedUp(stored)];
}

/** Every wrong window, or window and head, beside the right ones that it may hold. */
function matchedUnits({ actual, truth, axes, located }: Stored): StoreCandidate[] {
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

/** Rows or columns within a window and head that hold what belongs to others of them. */
function matchedLines({ actual, truth, axes, located }: Stored): StoreCandidate[] {
  const { L, D } = axes;
  const units = spread(located.units, UNITS);
  const candidates: StoreCandidate[] = [];
  for (const [word, lines, count, width] of [
    ['row', located.rows, L, D],
    ['column', located.columns, D, L],
  ] as const) {
    if (count < 2 || width < FEW) continue;
    const at = (unit: number, line: number, n: number) =>
      word === 'row' ? (unit * L + line) * D + n : (unit * L + n) * D + line;
    const from = new Map<number, number>();
    let [squares, scale] = [0, 0];
    let isMatched = true;
    for (const unit of units) {
      for (const line of spread(lines, 64)) {
        let best = -1;
        let least = Number.POSITIVE_INFINITY;
        let own = 0;
        // What another window showed is tried first; the same for all it must be.
        const known = from.get(line);
        for (const other of known === undefined ? range(count) : [known]) {
          let [sum, size] = [0, 0];
          for (let n = 0; n < width && sum < least; n++) {
            const [x, y] = [actual[at(unit, line, n)] as number, truth[at(unit, other, n)] as number];
            sum += (x - y) ** 2;
            size += y * y;
          }
          if (sum < least) [best, least, own] = [other, sum, size];
        }
        if (best < 0 || !(least <= (2 * ROUNDING) ** 2 * own)) {
          isMatched = false;
          break;
        }
        from.set(line, best);
        squares += least;
        scale += own;
      }
      if (!isMatched) break;
    }
    const moved = [...from].filter(([line, other]) => line !== other);
    if (!isMatched || moved.length === 0) continue;
    const shown = moved
      .slice(0, 4)
      .map(([line, other]) => `${line} holds ${other}`)
      .join(', ');
    const isSwap = moved.every(([line, other]) => from.get(other) === line);
    const isRepeated = new Set(moved.map(([, other]) => other)).size < moved.length;
    candidates.push({
      name: `${word}s_${isSwap ? 'swapped' : isRepeated ? 'repeated' : 'permuted'}`,
      explanation: `results are stored in other ${word}s than their own: ${word} ${shown}${moved.length > 4 ? ', …' : ''}`,
      residual: Math.sqrt(squares / (scale || 1)),
    });
  }
  return candidates;
}

/** Samples of the wrong places, and what is right beside them. */
function samplesOf({ axes, located }: Stored) {
  const { H, L, D, B } = axes;
  const wrong = new Set(located.units);
  const [inRow, inColumn] = [new Set(located.rows), new Set(located.columns)];
  const right = range(B * H).filter((unit) => !wrong.has(unit));
  const rows = spread(range(L), ROWS);
  return [...spread(located.units, UNITS), ...spread(right, 4)].map((unit) => {
    const at = new Int32Array(rows.length * D);
    const isWrong = new Uint8Array(at.length);
    rows.forEach((i, r) => {
      for (let d = 0; d < D; d++) {
        at[r * D + d] = (unit * L + i) * D + d;
        isWrong[r * D + d] = wrong.has(unit) && inRow.has(i) && inColumn.has(d) ? 1 : 0;
      }
    });
    return { b: Math.floor(unit / H), h: unit % H, rows, at, isWrong };
  });
}

function explainedBy(
  stored: Stored,
  samples: ReturnType<typeof samplesOf>,
  of: (b: number, h: number, i: number, d: number) => number,
) {
  const tally = new Tally();
  const { D } = stored.axes;
  for (const sample of samples) {
    const explained = new Float64Array(sample.at.length);
    sample.rows.forEach((i, r) => {
      for (let d = 0; d < D; d++) explained[r * D + d] = of(sample.b, sample.h, i, d);
    });
    tally.add(sample, explained, stored.actual, stored.truth);
  }
  return tally.score();
}

/** The whole output as if it were read, or written, at a wrong place. */
function gathered(stored: Stored): StoreCandidate[] {
  const { truth, axes, nW, output, actual } = stored;
  const samples = samplesOf(stored);
  const own = places(axes, nW);
  const candidates: (StoreCandidate & { isContradicted: boolean })[] = own.map(({ name, text, at }) => {
    const { residual, isContradicted } = explainedBy(stored, samples, (b, h, i, d) => {
      const from = at(b, h, i, d);
      return from === ZERO ? 0 : from === UNKNOWN ? Number.NaN : (truth[from] as number);
    });
    return { ...named(output, name, `${output} holds the right result taken ${text}`), residual, isContradicted };
  });
  if (candidates.every(({ residual }) => residual > ROUNDING) && truth.length <= MOST_SCATTERED) {
    const size = Math.sqrt(truth.reduce((sum, t) => sum + (Number.isFinite(t) ? t * t : 0), 0) / truth.length);
    for (const { name, text, at } of own) {
      if (!mayBeStoredAt(stored, at, size)) continue;
      const scattered = scatter(truth, actual, axes, at);
      const { residual, isContradicted } = explainedBy(stored, samples, (b, h, i, d) => {
        return scattered[((b * axes.H + h) * axes.L + i) * axes.D + d] as number;
      });
      candidates.push({
        ...named(output, name, `${output} is stored ${text.replace('from', 'at')}`),
        residual,
        isContradicted,
      });
    }
  }
  return candidates.filter(({ isContradicted, residual }) => !isContradicted || residual <= ROUNDING / 2);
}

function named(output: string, place: string, explanation: string): { name: string; explanation: string } {
  if (place === 'layout_BLHD' && output === 'o') {
    return { name: 'heads_and_tokens_not_permuted', explanation: 'the output is laid out as [B, L, H, D]' };
  }
  return { name: `output_${place}`, explanation };
}

/**
 * Whether results lie where `at` stores them, as far as nothing overwrites them: some of any, or of the last along one axis or
 * several, which no later one overwrites. Tells most wrong places by a few elements.
 */
function mayBeStoredAt({ actual, truth, axes, located }: Stored, at: At, size: number): boolean {
  // Where only a part is wrong, what lies elsewhere says nothing.
  if (located.where) return true;
  const { B, H, L, D } = axes;
  let isUnknown = true;
  for (let lasts = 0; lasts < 16; lasts++) {
    const index = (axis: number, count: number, n: number) =>
      (lasts >> axis) & 1 ? count - 1 : Math.floor((((n + 1) * (STEPS[axis] as number)) % 1) * count);
    let stored = 0;
    let agreeing = 0;
    for (let n = 0; n < SOURCES; n++) {
      const [b, h, i, d] = [index(0, B, n), index(1, H, n), index(2, L, n), index(3, D, n)] as const;
      const to = at(b, h, i, d);
      const t = truth[((b * H + h) * L + i) * D + d] as number;
      if (to < 0 || !Number.isFinite(t)) continue;
      stored++;
      if (Math.abs((actual[to] as number) - t) <= ALIKE * (Math.abs(t) + size)) agreeing++;
    }
    if (stored > 0) isUnknown = false;
    if (stored > 0 && 2 * agreeing >= stored) return true;
  }
  return isUnknown;
}

/** The output as a kernel leaves it that stores every element at its wrong place, the last one winning. */
function scatter(
  truth: Float64Array,
  actual: Float64Array,
  { B, H, L, D }: Axes,
  at: (b: number, h: number, i: number, d: number) => number,
): Float64Array {
  // Places that nothing was stored at hold 0, or what nobody knows.
  const out = actual.map((x) => (x === 0 ? 0 : Number.NaN));
  let from = 0;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < L; i++) {
        for (let d = 0; d < D; d++, from++) {
          const to = at(b, h, i, d);
          if (to >= 0) out[to] = truth[from] as number;
        }
      }
    }
  }
  return out;
}

/** Accumulators that are not emptied between windows, heads or rows; sums over heads or windows that should be apart. */
function addedUp(stored: Stored): StoreCandidate[] {
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
