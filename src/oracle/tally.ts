import { absoluteError } from './compare.js';

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
  /** Bins of the finite errors: 128 an octave, by the upper bits of the error as a float32. */
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
const BIN_SHIFT = 16;
const BINS = (0x7f800000 >>> BIN_SHIFT) + 1;
/** Where one of the truth and the naive kernels is not finite, finite values may be off the others by so many roundings. */
const APART_ROUNDINGS = 8;

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

/** One head of one window of a tensor, beside the truth and what the naive kernels made of it. All are (n, m). */
export interface TallyPart {
  readonly actual: Float64Array;
  readonly truth: Float64Array;
  readonly naive: Float32Array;
  readonly otherNaive: Float32Array;
  /** Variances that are expected of rounding. */
  readonly noise: Float64Array;
  /** Where the part's elements begin in the tensor. */
  readonly at: number;
  /** -1 where the tensor has no such axis. */
  readonly window: number;
  readonly head: number;
  /** Index of this head of this window among all. */
  readonly unit: number;
  /** Rows below 0 are padding, which no kernel returns. */
  readonly tokens?: Int32Array | undefined;
}

/** How elements of a tensor are stored: for units in the last place, and for overflows. */
export interface Storage {
  readonly precision: number;
  readonly minExponent: number;
  readonly epsilon: number;
  /** What the caller allows instead of the rule. */
  readonly allowed?: { readonly atol: number; readonly rtol: number } | undefined;
}

/** Deviations of its expected rounding that an element of a right kernel may be off by, whatever the naive kernels err by. */
const DEVIATIONS = 4;
const SQUARED_DEVIATIONS = DEVIATIONS ** 2;

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** Adds one part to a tally. */
export class Tallier {
  readonly #columns: { readonly [figure in keyof SliceMaxima]: Float64Array };

  constructor(
    private readonly n: number,
    private readonly m: number,
    private readonly storage: Storage,
  ) {
    const array = () => new Float64Array(m);
    this.#columns = { excess: array(), naive: array(), largest: array() };
  }

  add(tally: Tally, part: TallyPart): void {
    const { n, m } = this;
    const { actual, truth, naive, otherNaive, noise, tokens } = part;
    const { bins, excessBins, sums } = tally;
    const { allowed, epsilon } = this.storage;
    const excesses = this.#columns.excess.fill(0);
    const naives = this.#columns.naive.fill(0);
    const largests = this.#columns.largest.fill(0);
    const { precision } = this.storage;
    // Unary plus tells V8 that these are numbers, and so do declarations without a pattern; else it boxes every sum.
    let plain = +tally.plain;
    let exact = 0;
    let maxRelError = +tally.maxRelError;
    let maxUlpError = +tally.maxUlpError;
    // Of relative errors that cannot be the largest in units in the last place, and of those that can be neither largest.
    let bound = maxUlpError * 2 ** -precision;
    let lesser = 0.999 * Math.min(bound, maxRelError);
    let worstError = +tally.error;
    let worstExcess = +tally.excess;
    let ofZeros = +tally.ofZeros;
    let most = +tally.noise;
    let unitExcess = 0;
    let unitNaive = 0;
    let unitLargest = 0;
    let count = 0;
    let sumError = 0;
    let sumNaive = 0;
    let sumTruth = 0;
    let sumTruth2 = 0;
    let sumActual = 0;
    let sumActual2 = 0;
    let sumProduct = 0;
    for (let i = 0; i < n; i++) {
      if (tokens && (tokens[i] as number) < 0) continue;
      let rowExcess = 0;
      let rowNaive = 0;
      let rowLargest = 0;
      let judged = 0;
      for (let d = 0; d < m; d++) {
        const at = i * m + d;
        const t = truth[at] as number;
        const a = actual[at] as number;
        const own = Math.abs((naive[at] as number) - t);
        const other = Math.abs((otherNaive[at] as number) - t);
        const byNaive = own > other ? own : other;
        if (!(own < Number.POSITIVE_INFINITY && other < Number.POSITIVE_INFINITY)) {
          this.#addNonFinite(tally, part, at);
          continue;
        }
        judged++;
        const difference = a - t;
        let error = Math.abs(difference);
        // NaN where a number is expected.
        if (!(error < Number.POSITIVE_INFINITY)) error = Number.POSITIVE_INFINITY;
        const magnitude = Math.abs(t);
        // What is known of no rounding allows none.
        const variance = (noise[at] as number) < Number.POSITIVE_INFINITY ? (noise[at] as number) : 0;
        if (variance > most) most = variance;
        const squared = SQUARED_DEVIATIONS * variance;
        const ofStore = epsilon * magnitude;
        if (magnitude > ofZeros && (magnitude - ofStore) ** 2 > squared) ofZeros = magnitude;
        if (error === 0) exact++;
        else {
          single[0] = error;
          const bin = (singleBits[0] as number) >>> BIN_SHIFT;
          bins[bin] = (bins[bin] as number) + 1;
          if (allowed && error > allowed.atol + allowed.rtol * magnitude) tally.beyond++;
          if (error > worstError) {
            setPlace(tally.worst, part.at + at, a, t, ofStore + Math.sqrt(squared));
            worstError = error;
          }
          const rest = error - ofStore;
          if (rest > 0 && rest * rest > squared) {
            excessBins[bin] = (excessBins[bin] as number) + 1;
            if (error > rowExcess) rowExcess = error;
            if (error > (excesses[d] as number)) excesses[d] = error;
            if (error > worstExcess) {
              setPlace(tally.worstExcess, part.at + at, a, t, ofStore + Math.sqrt(squared));
              worstExcess = error;
            }
          }
          if (!(error < lesser * magnitude)) {
            const relative = error / magnitude;
            if (relative > maxRelError) maxRelError = relative;
            if (relative > bound) {
              maxUlpError = Math.max(maxUlpError, error / ulp(t, this.storage));
              bound = maxUlpError * 2 ** -precision;
            }
            lesser = 0.999 * Math.min(bound, maxRelError);
          }
        }
        if (own > plain) plain = own;
        if (byNaive > rowNaive) rowNaive = byNaive;
        if (byNaive > (naives[d] as number)) naives[d] = byNaive;
        if (magnitude > rowLargest) rowLargest = magnitude;
        if (magnitude > (largests[d] as number)) largests[d] = magnitude;
        count++;
        sumError += error * error;
        sumNaive += own * own;
        sumTruth += t;
        sumTruth2 += t * t;
        sumActual += a;
        sumActual2 += a * a;
        sumProduct += a * t;
      }
      if (judged === 0) continue;
      raise(tally.slices.row, i, rowExcess, rowNaive, rowLargest);
      if (rowExcess > unitExcess) unitExcess = rowExcess;
      if (rowNaive > unitNaive) unitNaive = rowNaive;
      if (rowLargest > unitLargest) unitLargest = rowLargest;
    }
    for (let d = 0; d < m; d++) {
      raise(tally.slices.column, d, excesses[d] as number, naives[d] as number, largests[d] as number);
    }
    for (const [axis, index] of [
      ['window', part.window],
      ['head', part.head],
      ['window and head', part.unit],
    ] as const) {
      raise(tally.slices[axis], index, unitExcess, unitNaive, unitLargest);
    }
    Object.assign(tally, {
      error: worstError,
      excess: worstExcess,
      ofZeros,
      noise: most,
      plain,
      maxRelError,
      maxUlpError,
    });
    tally.exact += exact;
    tally.naive = Math.max(tally.naive, unitNaive);
    tally.largest = Math.max(tally.largest, unitLargest);
    const gathered = [count, sumError, sumNaive, sumTruth, sumTruth2, sumActual, sumActual2, sumProduct];
    for (let i = 0; i < gathered.length; i++) sums[i] = (sums[i] as number) + (gathered[i] as number);
  }

  /** Where the truth or a naive kernel is no finite number, what one of them gives is right, to rounding. */
  #addNonFinite(tally: Tally, { actual, truth, naive, otherNaive, at: start }: TallyPart, at: number): void {
    const a = actual[at] as number;
    const t = truth[at] as number;
    const candidates = [t, naive[at] as number, otherNaive[at] as number];
    tally.nonFinite++;
    if (
      candidates.some(
        (x) =>
          isSame(a, x) ||
          (Number.isFinite(x) && Math.abs(a - x) <= APART_ROUNDINGS * this.storage.epsilon * Math.abs(x)),
      )
    )
      return;
    tally.nonFiniteMismatches++;
    if (tally.firstNonFinite < 0) tally.firstNonFinite = start + at;
    const error = absoluteError(a, t);
    if (tally.nonFiniteMismatches === 1 && (tally.worst.at < 0 || error > tally.error)) {
      setPlace(tally.worst, start + at, a, t, 0);
    }
  }
}

function setPlace(place: Place, at: number, actual: number, expected: number, rounding: number): void {
  place.at = at;
  place.actual = actual;
  place.expected = expected;
  place.rounding = rounding;
}

function isSame(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

function raise(slices: SliceMaxima | undefined, index: number, excess: number, naive: number, largest: number): void {
  if (!slices || index < 0) return;
  if (excess > (slices.excess[index] as number)) slices.excess[index] = excess;
  if (naive > (slices.naive[index] as number)) slices.naive[index] = naive;
  if (largest > (slices.largest[index] as number)) slices.largest[index] = largest;
}

function ulp(value: number, { precision, minExponent }: Storage): number {
  const exponent = value === 0 ? minExponent : Math.max(Math.floor(Math.log2(Math.abs(value))), minExponent);
  return 2 ** (exponent - precision + 1);
}

/** Elements with an error above `bound`, of those in `bins`; those within 1% of it count as below, unless it is the `largest` that is. */
export function countAbove(bins: Uint32Array, bound: number, largest: number): number {
  single[0] = bound;
  const boundary = (singleBits[0] as number) >>> BIN_SHIFT;
  let count = 0;
  for (let bin = boundary + 1; bin < BINS; bin++) count += bins[bin] as number;
  return count === 0 && largest > bound ? Math.max(1, bins[boundary] as number) : count;
}
