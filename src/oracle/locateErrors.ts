import type { FaultShape } from './faults.js';

/** Indices that are wrong along each axis of the output, where some are and some are not. */
export interface WrongPlaces {
  readonly images?: readonly number[];
  readonly windows?: readonly number[];
  readonly heads?: readonly number[];
  readonly rows?: readonly number[];
  readonly columns?: readonly number[];
  readonly channels?: readonly number[];
}

export interface Located {
  /** Every window with an element that is wrong. */
  readonly windows: readonly number[];
  /** Rows (b · H + h) · L + i with an element that is wrong. */
  readonly wrongRows: readonly number[];
  readonly where: WrongPlaces | undefined;
}

/** Errors beyond so many times the usual one are no rounding. */
const BEYOND_ROUNDING = 64;
/** The usual error is at least this share of the largest right value: float32's rounding. */
const FLOOR = 2 ** -22;

/** Where an output is wrong: by more than rounding, which the smaller half of all errors shows. */
export function locateErrors(actual: Float64Array, truth: Float64Array, shape: FaultShape): Located {
  const { B, H, L, D } = shape;
  const errors = actual.map((x, i) => {
    const error = Math.abs(x - (truth[i] as number));
    return Number.isNaN(error) && !Object.is(x, truth[i]) ? Number.POSITIVE_INFINITY : error || 0;
  });
  const largest = truth.reduce((max, x) => Math.max(max, Number.isFinite(x) ? Math.abs(x) : 0), 0);
  const usual = Float64Array.from(errors).sort()[errors.length >> 1] as number;
  const bound = BEYOND_ROUNDING * Math.max(Number.isFinite(usual) ? usual : 0, FLOOR * largest);
  // Where half of the elements are wrong, the usual error is itself no rounding.
  const isEverywhere = usual > 2 ** -6 * largest;
  const [windows, heads, rows, columns] = [new Set<number>(), new Set<number>(), new Set<number>(), new Set<number>()];
  const wrongRows = new Set<number>();
  errors.forEach((error, at) => {
    if (!(error > (isEverywhere ? 0 : bound))) return;
    const row = Math.floor(at / D);
    windows.add(Math.floor(row / (L * H)));
    heads.add(Math.floor(row / L) % H);
    rows.add(row % L);
    columns.add(at % D);
    wrongRows.add(row);
  });
  const some = (set: ReadonlySet<number>, size: number) => {
    return set.size > 0 && set.size < size ? [...set].sort((a, b) => a - b) : undefined;
  };
  const lists = {
    windows: some(windows, B),
    heads: some(heads, H),
    rows: some(rows, L),
    columns: some(columns, D),
  };
  const known = Object.entries(lists).filter(([, list]) => list !== undefined);
  return {
    windows: [...windows].sort((a, b) => a - b),
    wrongRows: [...wrongRows].sort((a, b) => a - b),
    where: known.length > 0 ? (Object.fromEntries(known) as WrongPlaces) : undefined,
  };
}
