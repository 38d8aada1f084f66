import { BINS } from './errorBins.js';

/** Largest figures of every index along an axis; each is a slice of the tensor. */
export interface SliceMaxima {
  /** Error of the elements that err by more than their own rounding. */
  readonly excess: Float64Array;
  readonly naive: Float64Array;
  /** Magnitude of the truth. */
  readonly largest: Float64Array;
}

export type Axis = 'window' | 'head' | 'row' | 'column' | 'window and head';

/** An element of a tensor. */
export interface Place {
  /** Flat index; -1 before there is an element. */
  at: number;
  actual: number;
  expected: number;
  /** What its own rounding may come to. */
  rounding: number;
}

/** Everything that a verdict on one tensor needs, gathered window by window; tallies of windows apart can be joined. */
export interface Tally {
  readonly slices: { readonly [axis in Axis]?: SliceMaxima };
  /** Finite errors by their bins. */
  readonly bins: Uint32Array;
  /** The same of the elements that err by more than their own rounding. */
  readonly excessBins: Uint32Array;
  /** Elements, Σ error², Σ naive², Σ truth, Σ truth², Σ actual, Σ actual², Σ actual · truth; of those judged alike. */
  readonly sums: Float64Array;
  error: number;
  /** Of the plain order alone. */
  plain: number;
  naive: number;
  largest: number;
  /** Largest error of the elements that err by more than their own rounding. */
  excess: number;
  /** Largest magnitude that is more than the rounding of its element: what a kernel that leaves zeros errs by. */
  ofZeros: number;
  /** Largest variance that is expected of rounding. */
  noise: number;
  maxRelError: number;
  maxUlpError: number;
  /** Where the largest error is, and the largest of those beyond their own rounding. */
  readonly worst: Place;
  readonly worstExcess: Place;
  exact: number;
  /** Elements out of the tolerance that the caller has set. */
  beyond: number;
  /** Elements where the truth or a naive kernel is not finite, and those of them that are wrong. */
  nonFinite: number;
  nonFiniteMismatches: number;
  firstNonFinite: number;
}

export const SUM = { count: 0, error: 1, naive: 2, truth: 3, truth2: 4, actual: 5, actual2: 6, product: 7 } as const;

/** An empty tally of a tensor with so many indices along its axes. */
export function makeTally(sizes: { readonly [axis in Axis]?: number }): Tally {
  const slices: { [axis in Axis]?: SliceMaxima } = {};
  for (const [axis, size] of Object.entries(sizes) as [Axis, number][]) {
    const array = () => new Float64Array(size);
    slices[axis] = { excess: array(), naive: array(), largest: array() };
  }
  return {
    slices,
    bins: new Uint32Array(BINS),
    excessBins: new Uint32Array(BINS),
    sums: new Float64Array(8),
    error: 0,
    plain: 0,
    naive: 0,
    largest: 0,
    excess: 0,
    ofZeros: 0,
    noise: 0,
    maxRelError: 0,
    maxUlpError: 0,
    worst: nowhere(),
    worstExcess: nowhere(),
    exact: 0,
    beyond: 0,
    nonFinite: 0,
    nonFiniteMismatches: 0,
    firstNonFinite: -1,
  };
}

function nowhere(): Place {
  return { at: -1, actual: Number.NaN, expected: Number.NaN, rounding: 0 };
}

/** Adds what `from` has gathered to `into`; the windows of `from` begin at window `first` of `into`. */
export function joinTallies(into: Tally, from: Tally, first: number): void {
  for (const [axis, own] of Object.entries(into.slices) as [Axis, SliceMaxima][]) {
    const other = from.slices[axis] as SliceMaxima;
    const heads = (into.slices.head as SliceMaxima).naive.length;
    const start = axis === 'window' ? first : axis === 'window and head' ? first * heads : 0;
    for (let i = 0; i < other.naive.length; i++) {
      raise(own, start + i, other.excess[i] as number, other.naive[i] as number, other.largest[i] as number);
    }
  }
  for (const counts of ['bins', 'excessBins', 'sums'] as const) {
    const [own, other] = [into[counts], from[counts]];
    for (let i = 0; i < own.length; i++) own[i] = (own[i] as number) + (other[i] as number);
  }
  for (const [place, figure] of [
    ['worst', 'error'],
    ['worstExcess', 'excess'],
  ] as const) {
    if (from[place].at >= 0 && (into[place].at < 0 || from[figure] > into[figure])) {
      Object.assign(into[place], from[place]);
    }
  }
  for (const figure of [
    'error',
    'plain',
    'naive',
    'largest',
    'excess',
    'ofZeros',
    'noise',
    'maxRelError',
    'maxUlpError',
  ] as const) {
    into[figure] = Math.max(into[figure], from[figure]);
  }
  for (const figure of ['exact', 'beyond', 'nonFinite', 'nonFiniteMismatches'] as const) into[figure] += from[figure];
  if (into.firstNonFinite < 0) into.firstNonFinite = from.firstNonFinite;
}

export function raise(
  slices: SliceMaxima | undefined,
  index: number,
  excess: number,
  naive: number,
  largest: number,
): void {
  if (!slices || index < 0) return;
  if (excess > (slices.excess[index] as number)) slices.excess[index] = excess;
  if (naive > (slices.naive[index] as number)) slices.naive[index] = naive;
  if (largest > (slices.largest[index] as number)) slices.largest[index] = largest;
}
