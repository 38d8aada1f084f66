import { absoluteError } from './compare.js';
import { binOf } from './errorBins.js';
import { type Place, raise, type SliceMaxima, type Tally } from './tally.js';

/** Where one of the truth and the naive kernels is not finite, finite values may be off the others by so many roundings. */
const APART_ROUNDINGS = 8;

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
          const bin = binOf(error);
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

function ulp(value: number, { precision, minExponent }: Storage): number {
  const exponent = value === 0 ? minExponent : Math.max(Math.floor(Math.log2(Math.abs(value))), minExponent);
  return 2 ** (exponent - precision + 1);
}
