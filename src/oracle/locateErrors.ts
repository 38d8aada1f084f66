import type { Axes } from './place.js';

/** Indices that are wrong along each axis of the output, where some are and some are not. */
export interface WrongPlaces {
  readonly images?: readonly number[];
  readonly windows?: readonly number[];
  readonly heads?: readonly number[];
  readonly rows?: readonly number[];
  readonly columns?: readonly number[];
  readonly channels?: readonly number[];
}

/** Where an output `[B, H, L, D]` is wrong: in these windows and heads, and of them in these rows and columns. */
export interface Located {
  /** b · H + h, ascending. */
  readonly units: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Absent where every place of every axis is wrong, or none is clearly. */
  readonly where: WrongPlaces | undefined;
}

/** Errors of wrong places are at least so many times those of right ones. */
const GAP = 8;
/** Right places are no further from the truth than this share of the root mean square of their window and head. */
const MOST_RIGHT = 0.1;
/** Errors below this share are rounding, however unevenly it is spread. */
const FLOOR = 2 ** -10;

/** Where an output is wrong. The largest error of each place along an axis tells right ones from wrong, if there is a gap. */
export function locateErrors(actual: Float64Array, truth: Float64Array, axes: Axes): Located {
  const { B, H, L, D } = axes;
  const units = new Float64Array(B * H);
  const windows = new Float64Array(B);
  const heads = new Float64Array(H);
  const rows = new Float64Array(L);
  const columns = new Float64Array(D);
  for (let unit = 0; unit < B * H; unit++) {
    const from = unit * L * D;
    const size = rootMeanSquare(truth.subarray(from, from + L * D));
    for (let at = from; at < from + L * D; at++) {
      const apart = errorOf(actual[at] as number, truth[at] as number);
      if (apart === 0) continue;
      const error = size > 0 ? apart / size : Number.POSITIVE_INFINITY;
      raise(units, unit, error);
      raise(windows, Math.floor(unit / H), error);
      raise(heads, unit % H, error);
      raise(rows, Math.floor((at - from) / D), error);
      raise(columns, (at - from) % D, error);
    }
  }
  const lists = {
    windows: wrongOf(windows),
    heads: wrongOf(heads),
    rows: wrongOf(rows),
    columns: wrongOf(columns),
  };
  const known = Object.entries(lists).filter(([, list]) => list !== undefined);
  const all = (count: number) => Array.from({ length: count }, (_, i) => i);
  return {
    units: wrongOf(units) ?? all(B * H),
    rows: lists.rows ?? all(L),
    columns: lists.columns ?? all(D),
    where: known.length > 0 ? (Object.fromEntries(known) as WrongPlaces) : undefined,
  };
}

/** |actual − truth|, Infinity where one of them is not finite alone. */
export function errorOf(actual: number, truth: number): number {
  if (Object.is(actual, truth) || actual === truth) return 0;
  const error = Math.abs(actual - truth);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** Of the finite elements. */
function rootMeanSquare(x: Float64Array): number {
  let squares = 0;
  for (let at = 0; at < x.length; at++) if (Number.isFinite(x[at])) squares += (x[at] as number) ** 2;
  return Math.sqrt(squares / x.length);
}

function raise(maxima: Float64Array, at: number, error: number): void {
  if (error > (maxima[at] as number)) maxima[at] = error;
}

/** Places whose errors lie above the highest gap; undefined where there is none. */
function wrongOf(errors: Float64Array): number[] | undefined {
  const sorted = Float64Array.from(errors, (error) => Math.max(error, FLOOR)).sort();
  for (let at = sorted.length - 1; at > 0; at--) {
    const below = sorted[at - 1] as number;
    if (below > MOST_RIGHT || (sorted[at] as number) < GAP * below) continue;
    return [...errors.keys()].filter((place) => (errors[place] as number) > below);
  }
  return undefined;
}
