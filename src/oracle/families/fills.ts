import type { FaultyProblem } from '../faultyProblem.js';
import type { Hypothesis } from '../hypothesis.js';
import type { Axes } from '../place.js';
import type { Stored } from './stored.js';

/** Share of all rows up to which wrong ones may be leftovers of memory. */
export const FEW_ROWS = 0.1;
/** Scores that float32's exponential cannot hold. */
const OVERFLOW = 88;

/** Outputs that were not stored, or hold one value: zeros, a fill value, NaN, infinity. */
export function fills(stored: Stored, problem: FaultyProblem): Hypothesis[] {
  const { actual, truth, axes, located, output } = stored;
  const { where } = located;
  const placed = where && { where };
  const first = actual[0] as number;
  const isConstant = actual.every((x) => Object.is(x, first));
  const isTruthConstant = truth.every((x) => x === first);
  if (isConstant && !isTruthConstant && actual.length > 1) {
    const residual = 0;
    if (first === 0) {
      return [
        {
          name: 'all_zeros',
          explanation: 'all zeros: was the kernel launched, is the output the right buffer?',
          residual,
        },
      ];
    }
    if (Number.isNaN(first)) {
      return [
        {
          name: 'all_nan',
          explanation: 'all NaN: was the kernel launched, is the output the right buffer, are its inputs initialised?',
          residual,
        },
      ];
    }
    return [
      {
        name: 'all_constant',
        explanation: `every element is ${first}: was the kernel launched over the buffer that was filled with it?`,
        residual,
      },
    ];
  }
  const notFinite = nonFinite(stored, problem);
  if (notFinite) return [notFinite];
  const wrong = wrongElements(stored);
  const value = wrong.length > 0 ? (actual[wrong[0] as number] as number) : Number.NaN;
  const isFilled = wrong.length > 0 && wrong.every((at) => actual[at] === value);
  if (!isFilled || (value !== 0 && wrong.length < 4) || !wrong.some((at) => truth[at] !== value)) return [];
  const words = value === 0 ? 'zeros' : `the value ${value}`;
  return [
    {
      name: value === 0 ? 'not_stored' : 'fill_value',
      explanation: `${output} holds ${words} at ${describe(wrong, axes)}: nothing was stored there`,
      residual: 0,
      ...placed,
    },
  ];
}

/** Indices of the elements at wrong places. */
function wrongElements({ axes, located, actual, truth }: Stored): number[] {
  const { L, D } = axes;
  const at: number[] = [];
  for (const unit of located.units) {
    for (const i of located.rows) {
      for (const d of located.columns) {
        const n = (unit * L + i) * D + d;
        if (actual[n] !== truth[n]) at.push(n);
      }
    }
  }
  return at;
}

/** NaN or infinity where the truth is finite: where, and what these rows have in common. */
function nonFinite(stored: Stored, problem: FaultyProblem): Hypothesis | undefined {
  const { actual, truth, axes, output, located } = stored;
  const { D } = axes;
  const rows = new Set<number>();
  let [squares, size, nan, infinite] = [0, 0, 0, 0];
  const isWidespread = located.where === undefined;
  actual.forEach((x, at) => {
    const t = truth[at] as number;
    if (!Number.isFinite(x) && !Object.is(x, t) && x !== t && !Number.isNaN(t)) {
      if (Number.isNaN(x)) nan++;
      else infinite++;
      rows.add(Math.floor(at / D));
      return;
    }
    if (Number.isFinite(t) && Number.isFinite(x)) {
      squares += (x - t) ** 2;
      size += t * t;
    }
  });
  if (rows.size === 0) return undefined;
  const residual = Math.sqrt(squares / (size || 1));
  const word = nan === 0 ? 'infinity' : infinite === 0 ? 'NaN' : 'NaN and infinity';
  const list = [...rows].sort((a, b) => a - b);
  const isFew = list.length <= Math.max(1, FEW_ROWS * (truth.length / D));
  const common = inCommon(list, stored, problem);
  return {
    name: common?.name ?? (isFew ? 'uninitialised_row' : nan === 0 ? 'infinite_elements' : 'nan_elements'),
    explanation: `${output} holds ${word} in ${nan + infinite} elements where the truth is finite, at ${describeRows(list, axes)}${common ? `; ${common.text}` : ''}`,
    residual,
    ...(!isWidespread && located.where && { where: located.where }),
  };
}

/** What distinguishes the rows from all others. */
function inCommon(
  rows: readonly number[],
  { axes, output, actual, truth }: Stored,
  problem: FaultyProblem,
): { name: string; text: string } | undefined {
  const { H, L, D } = axes;
  const { mask, nW } = problem;
  const set = new Set(rows);
  const total = axes.B * H * L;
  const isExactly = (isOne: (row: number) => boolean) => {
    for (let row = 0; row < total; row++) if (isOne(row) !== set.has(row)) return false;
    return true;
  };
  const isByQuery = output === 'o' || output === 'lse' || output === 'dQ';
  if (mask && isByQuery) {
    const isMasked = (most: number) => (row: number) => {
      const [b, i] = [Math.floor(row / (L * H)), row % L];
      for (let j = 0; j < L; j++) if ((mask[((b % nW) * L + i) * L + j] as number) > most) return false;
      return true;
    };
    if (isExactly(isMasked(Number.NEGATIVE_INFINITY))) {
      return {
        name: 'nan_in_masked_rows',
        text: 'these are the rows whose every key is masked: the sum of exponentials is 0 there',
      };
    }
    if (isExactly(isMasked(-50)))
      return { name: 'nan_in_masked_rows', text: 'these are the rows whose every key is masked' };
    const hasInfinite = (row: number) => {
      const [b, i] = [Math.floor(row / (L * H)), row % L];
      for (let j = 0; j < L; j++) if (mask[((b % nW) * L + i) * L + j] === Number.NEGATIVE_INFINITY) return true;
      return false;
    };
    if (isExactly(hasInfinite))
      return { name: 'nan_from_infinite_mask', text: 'these are the rows whose mask holds −∞' };
    for (const tile of [4, 8, 16, 32, 64].filter((n) => n < L)) {
      const isFirstTileMasked = (row: number) => {
        const [b, i] = [Math.floor(row / (L * H)), row % L];
        for (let j = 0; j < tile; j++) if (mask[((b % nW) * L + i) * L + j] !== Number.NEGATIVE_INFINITY) return false;
        return true;
      };
      if (isExactly(isFirstTileMasked))
        return { name: 'nan_in_masked_tiles', text: `these are the rows whose first ${tile} keys are all masked` };
    }
  }
  if (isByQuery) {
    const lse = (row: number) => problem.lse[row] as number;
    const finite = rows.map(lse);
    const others = Array.from({ length: total }, (_, row) => row).filter((row) => !set.has(row));
    const least = finite.reduce((min, x) => Math.min(min, x), Number.POSITIVE_INFINITY);
    const most = others.reduce((max, row) => Math.max(max, lse(row)), Number.NEGATIVE_INFINITY);
    if (least > most && least > 11) {
      return {
        name: 'exponential_overflows',
        text: `these are the rows with the largest scores, logsumexp ${least.toFixed(1)} and more: e to them overflows (float32 beyond ${OVERFLOW}), the maximum is not subtracted`,
      };
    }
    const greatest = finite.reduce((max, x) => Math.max(max, x), Number.NEGATIVE_INFINITY);
    const lowest = others.reduce((min, row) => Math.min(min, lse(row)), Number.POSITIVE_INFINITY);
    if (greatest < lowest && greatest < -11) {
      return {
        name: 'exponential_underflows',
        text: `these are the rows with the smallest scores, logsumexp ${greatest.toFixed(1)} and less: e to them is 0, the maximum is not subtracted`,
      };
    }
  }
  const sizes = rows
    .flatMap((row) =>
      Array.from(truth.subarray(row * D, (row + 1) * D), (t, d) =>
        Number.isFinite(actual[row * D + d] as number) ? 0 : Math.abs(t),
      ),
    )
    .filter(Boolean);
  if (sizes.length > 0 && sizes.every((size) => size > 65504))
    return { name: 'float16_overflows', text: 'the right values are beyond 65504: float16 overflows' };
  const ofRow = (name: string, text: string, of: (row: number) => number, count: number) => {
    const values = new Set(rows.map(of));
    if (values.size >= count || !isExactly((row) => values.has(of(row)))) return undefined;
    const list = [...values].sort((a, b) => a - b);
    return { name, text: `these are all rows of ${text} ${shorten(list)}` };
  };
  return (
    ofRow('nan_elements', 'row number', (row) => row % L, L) ??
    ofRow('nan_elements', 'head', (row) => Math.floor(row / L) % H, H) ??
    ofRow('nan_elements', 'window', (row) => Math.floor(row / (L * H)), axes.B)
  );
}

function shorten(list: readonly number[]): string {
  const isRun = list.length > 2 && (list.at(-1) as number) - (list[0] as number) === list.length - 1;
  if (isRun) return `${list[0]}–${list.at(-1)}`;
  return list.length <= 6 ? list.join(', ') : `${list.slice(0, 5).join(', ')}, … (${list.length})`;
}

function describe(elements: readonly number[], axes: Axes): string {
  return describeRows([...new Set(elements.map((at) => Math.floor(at / axes.D)))], axes);
}

/** Rows by window, head and row. */
export function describeRows(rows: readonly number[], { H, L }: Axes): string {
  const shown = rows.slice(0, 4).map((row) => `[${Math.floor(row / (H * L))}, ${Math.floor(row / L) % H}, ${row % L}]`);
  return `${rows.length === 1 ? 'row' : 'rows'} ${shown.join(', ')}${rows.length > 4 ? `, … (${rows.length})` : ''}`;
}
