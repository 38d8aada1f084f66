import type { ExactUnit, Unit } from './exactUnit.js';
import { varianceOfLogitScale, varianceThroughNorms } from './expectedCosineRounding.js';
import { ARITHMETIC, type Rounding } from './precision.js';
import { PRODUCTS } from './products.js';

/** Below this variance of a score, what follows from its error is proportional to it. */
const LINEAR = 2.5e-3;
/** Errors of scores beyond so many deviations change no probability by more than they are counted for. */
const DEVIATIONS = 6;
/** Deviations that a verdict allows. */
const ALLOWED = 4;

/**
 * Variances of what a right kernel's output may differ from the truth by, for one head of one window: of every element, from
 * the magnitudes that its sums run over, in whatever order they do. A yardstick that is nearly exact by luck (equal keys,
 * features that cancel, few elements) says nothing of another kernel's rounding; this does. To first order, and with every
 * rounding independent and even. Arrays are overwritten by the next `run`.
 * Source: Higham, "Accuracy and Stability of Numerical Algorithms", 3.1 and 4.2, with the statistical view of its 2.8.
 */
export class ExpectedRounding {
  readonly o: Float64Array;
  readonly lse: Float64Array;
  readonly dQ: Float64Array;
  readonly dK: Float64Array;
  readonly dV: Float64Array;
  /** Of this window's share of dBias. */
  readonly dBias: Float64Array;
  dLogitScale = 0;
  /** Of an operand of a product, relative; of what is stored; of the smallest numbers, absolute. */
  readonly #operand: number;
  readonly #stored: number;
  readonly #smallest: number;
  /** Of scores as unfused kernels store them, relative; 0 where that is in float32. */
  readonly #unfused: number;
  readonly #ofScores: Float64Array;
  readonly #ofP: Float64Array;
  /** Of P itself, in O. */
  readonly #ofStored: Float64Array;
  readonly #ofDP: Float64Array;
  readonly #weights: Float64Array;
  readonly #squares: {
    readonly q: Float64Array;
    readonly k: Float64Array;
    readonly v: Float64Array;
    readonly dO: Float64Array;
  };
  readonly #shifts: Float64Array;
  /** Σ p k over the keys of each row. */
  readonly #meanKeys: Float64Array;
  /** Of rowsum(P ∘ dP), for each row. */
  readonly #ofDelta: Float64Array;
  /** Of each row, Σ of its probabilities' variances. */
  readonly #totals: Float64Array;
  /** Roundings of a sum over D or L: those of its parts in any order, and those of a sum that grows steadily. */
  readonly #sumD: number;
  readonly #sumL: number;
  readonly #growthD: number;
  readonly #growthL: number;

  constructor(
    private readonly L: number,
    private readonly D: number,
    /** Windows that dBias and dLogitScale are summed over. */
    private readonly B: number,
    rounding: Rounding,
    /** Whether k, v and dO are loaded as they are, without rounding. */
    private readonly isExact: boolean,
    private readonly products = PRODUCTS,
  ) {
    const rows = () => new Float64Array(L * D);
    const square = () => new Float64Array(L * L);
    [this.o, this.dQ, this.dK, this.dV] = [rows(), rows(), rows(), rows()];
    [this.#shifts, this.#meanKeys, this.#ofDelta] = [rows(), rows(), new Float64Array(L)];
    [this.dBias, this.#ofScores, this.#ofP, this.#ofDP] = [square(), square(), square(), square()];
    [this.#weights, this.#ofStored] = [square(), square()];
    this.#squares = { q: rows(), k: rows(), v: rows(), dO: rows() };
    [this.lse, this.#totals] = [new Float64Array(L), new Float64Array(L)];
    const { operandFormat: operand, storedFormat: stored } = rounding;
    // A cut errs by up to a unit in the last place, rounding by half of one.
    this.#operand = operand ? 4 ** -(operand.fractionBits + (operand.isCut ? 0 : 1)) / 3 : 0;
    this.#stored = stored ? 4 ** -(stored.fractionBits + 1) / 3 : ARITHMETIC;
    this.#unfused = stored ? this.#stored : 0;
    // Half of the smallest subnormal number, or float32's smallest normal one, below which kernels may flush to zero.
    this.#smallest =
      operand && operand.minExponent > -126 ? 4 ** (operand.minExponent - operand.fractionBits - 1) : 4 ** -126;
    [this.#sumD, this.#sumL] = [ARITHMETIC * (D / 2 + 1), ARITHMETIC * (L / 2 + 1)];
    [this.#growthD, this.#growthL] = [(ARITHMETIC * D) / 3, ARITHMETIC * (L / 3 + 3)];
  }

  run(unit: Unit<Float64Array>, exact: ExactUnit): void {
    const { L, D } = this;
    const { P, S, dots, factor, o } = exact;
    const isCosine = unit.logitScale !== undefined;
    const { q, k, v } = this.#squares;
    squareInto(exact.qHat, q);
    squareInto(exact.kHat, k);
    squareInto(unit.v, v);
    // Unit rows and scaled queries are rounded whatever the inputs are; one rounding of q or k runs along a row or column of
    // scores, where only D of them are independent.
    const spread = Math.max(1, L / D);
    const ofOneQ = this.#operand + (isCosine ? 4 * ARITHMETIC : ARITHMETIC);
    const ofQ = spread * ofOneQ;
    const ofK = spread * ((isCosine || !this.isExact ? this.#operand : 0) + (isCosine ? 4 * ARITHMETIC : 0));
    const ofV = this.isExact ? 0 : this.#operand;
    const [scores, ofP, ofStored, weights] = [this.#ofScores, this.#ofP, this.#ofStored, this.#weights];
    // Numbers are declared one by one: V8 boxes those that come out of a pattern.
    const squaredFactor = factor * factor;
    const unfused = this.#unfused;
    const ofProduct = ofQ + ofK + this.#sumD;
    const growthD = this.#growthD;
    const operand = this.#operand;
    const smallest = this.#smallest;
    const ofWeight = ofV + this.#sumL;
    const meanKeys = this.#meanKeys;
    this.products.exact(P, exact.kHat, L, D, L, meanKeys, '');
    this.products.exact(q, k, L, L, D, scores, 'B');
    for (let i = 0; i < L; i++) {
      let max = Number.NEGATIVE_INFINITY;
      for (let j = i * L; j < (i + 1) * L; j++) max = Math.max(max, S[j] as number);
      const lse = exact.lse[i] as number;
      let coherent = 0;
      let apartFromQ = 0;
      let reached = 0;
      for (let ij = i * L; ij < (i + 1) * L; ij++) {
        const p = P[ij] as number;
        const s = S[ij] as number;
        const dot = dots[ij] as number;
        const added = unit.bias || unit.mask ? s - factor * dot : 0;
        const below = s - max;
        const products2 = scores[ij] as number;
        const own =
          squaredFactor * (products2 * ofProduct + growthD * dot * dot) +
          ARITHMETIC * (2 * s * s + 2 * added * added + 4 + 3 * below * below);
        // A score of −∞ has no error, one of NaN is judged apart.
        const variance = own < Number.POSITIVE_INFINITY ? own : 0;
        scores[ij] = variance;
        // What one rounding of q adds to a row's scores is no more in logsumexp than it is against the mean key.
        const byQ = squaredFactor * (products2 * ofQ);
        const isLinear = variance < LINEAR;
        coherent += p * Math.sqrt(variance);
        apartFromQ += p * Math.sqrt(isLinear ? Math.max(0, variance - byQ) : variance);
        if (!isLinear) reached = Math.max(reached, s - lse + DEVIATIONS * Math.sqrt(variance));
      }
      const ofLse = Number.isFinite(lse) ? ARITHMETIC * (2 * lse * lse + max * max + 4 * L) : 0;
      let alongQ = 0;
      for (let at = i * D; at < (i + 1) * D; at++) alongQ += (q[at] as number) * (meanKeys[at] as number) ** 2;
      this.lse[i] = Math.max(apartFromQ, reached / ALLOWED) ** 2 + squaredFactor * ofOneQ * alongQ + ofLse;
      let total = 0;
      let ofSum = 0;
      for (let ij = i * L; ij < (i + 1) * L; ij++) {
        const p = P[ij] as number;
        const variance = scores[ij] as number;
        // A key whose score falls leaves its share to the others.
        const relative = variance + coherent * coherent;
        const isLinear = relative < LINEAR;
        const direct = isLinear ? p * p * variance : errorOfExp(p, (S[ij] as number) - lse, relative);
        const rounding = p * p * operand + smallest;
        // What all scores of a row have in common cancels in P.
        ofP[ij] = (isLinear ? direct * Math.abs(1 - 2 * p) : direct) + p * p * ofLse + rounding;
        scores[ij] = direct;
        // Unfused kernels store scores twice, before and after bias and mask are added. P of gradients is recomputed.
        const s = S[ij] as number;
        const dot = dots[ij] as number;
        const stores = unfused > 0 && p > 0 ? unfused * (squaredFactor * dot * dot + s * s) : 0;
        const stored = isLinear ? direct + p * p * stores : errorOfExp(p, s - lse, relative + stores);
        ofStored[ij] = stored;
        total += stored;
        ofSum += direct;
        weights[ij] = stored + rounding + p * p * ofWeight;
      }
      this.#totals[i] = total;
      // The other keys' errors reach every key's probability by the sum that it is divided by.
      const common = Math.min(1, ofSum);
      for (let ij = i * L; ij < (i + 1) * L; ij++) ofP[ij] = (ofP[ij] as number) + (P[ij] as number) ** 2 * common;
    }
    // Σ direct (v − o)² + Σ rest v².
    const shifts = this.#shifts;
    const ofO = this.o;
    const growth = this.#growthL + operand;
    this.products.exact(ofStored, unit.v, L, D, L, shifts, '');
    this.products.exact(weights, v, L, D, L, ofO, '');
    for (let i = 0; i < L; i++) {
      const total = this.#totals[i] as number;
      for (let at = i * D; at < (i + 1) * D; at++) {
        const value = o[at] as number;
        const apart = (ofO[at] as number) - 2 * value * (shifts[at] as number) + value * value * total;
        ofO[at] = Math.max(0, apart) + growth * value * value;
      }
    }
    if (unit.dO) this.#backward(unit.dO, exact, { ofQ, ofK, ofV });
  }

  #backward(
    dO: Float64Array,
    exact: ExactUnit,
    { ofQ, ofK, ofV }: { readonly ofQ: number; readonly ofK: number; readonly ofV: number },
  ): void {
    const { L, D, B, dBias } = this;
    const { P, dP, dS, delta, factor, o, qNorms, kNorms } = exact;
    const [ofP, ofDP, weights, scores] = [this.#ofP, this.#ofDP, this.#weights, this.#ofScores];
    const { q, k, v, dO: gradients } = this.#squares;
    squareInto(dO, gradients);
    const ofG = this.isExact ? 0 : this.#operand;
    const growthD = this.#growthD;
    const operand = this.#operand;
    const ofWeight = ofG + this.#sumL;
    for (let ij = 0; ij < L * L; ij++) weights[ij] = (ofP[ij] as number) + (P[ij] as number) ** 2 * ofWeight;
    this.products.exact(weights, gradients, L, D, L, this.dV, 'A');
    addSquares(this.dV, exact.dV, this.#growthL + operand);

    this.products.exact(gradients, v, L, L, D, ofDP, 'B');
    const squared = factor * factor;
    const smallest = this.#smallest * Math.max(1, 1 / (squared || 1));
    const ofO = this.#stored + ofG + this.#sumD;
    const ofProduct = ofG + ofV + this.#sumD;
    const ofTerm = this.#sumL + operand;
    const ofDifference = 4 * ARITHMETIC + operand;
    const ofBias = ARITHMETIC * (B / 2 + 1);
    for (let i = 0; i < L; i++) {
      const ofRow = delta[i] as number;
      let ofDelta = this.#growthL * ofRow * ofRow;
      for (let at = i * D; at < (i + 1) * D; at++) {
        ofDelta += ofO * (gradients[at] as number) * (o[at] as number) ** 2;
      }
      for (let ij = i * L; ij < (i + 1) * L; ij++) {
        const p = P[ij] as number;
        const gradient = dP[ij] as number;
        const ds = dS[ij] as number;
        const own = (ofDP[ij] as number) * ofProduct + growthD * gradient * gradient;
        const apart = (gradient - ofRow) ** 2;
        ofDelta += (scores[ij] as number) * apart + p * p * (own + ofTerm * gradient * gradient);
        ofDP[ij] = (ofP[ij] as number) * apart + p * p * own + ofDifference * ds * ds + smallest;
      }
      this.#ofDelta[i] = ofDelta;
      for (let ij = i * L; ij < (i + 1) * L; ij++) {
        const p = P[ij] as number;
        const own = ofDP[ij] as number;
        const ds2 = (dS[ij] as number) ** 2;
        weights[ij] = squared * (own + ds2 * (ofK + this.#sumL));
        dBias[ij] = own + p * p * ofDelta + ofBias * ds2;
        ofDP[ij] = squared * (own + p * p * ofDelta + ds2 * (ofQ + this.#sumL));
      }
    }
    this.products.exact(weights, k, L, D, L, this.dQ, '');
    // An error of delta runs along the row: it multiplies Σ p k.
    for (let at = 0; at < L * D; at++) {
      const ofRow = this.#ofDelta[Math.floor(at / D)] as number;
      this.dQ[at] = (this.dQ[at] as number) + squared * ofRow * (this.#meanKeys[at] as number) ** 2;
    }
    this.products.exact(ofDP, q, L, D, L, this.dK, 'A');
    addSquares(this.dQ, qNorms ? exact.dQHat : exact.dQ, this.#growthL);
    addSquares(this.dK, qNorms ? exact.dKHat : exact.dK, this.#growthL);
    if (!qNorms || !kNorms) return;
    const stores = operand + this.#stored;
    this.dLogitScale = varianceOfLogitScale(exact, this.dQ, B, stores);
    const own = stores + 4 * ARITHMETIC;
    varianceThroughNorms(this.dQ, exact.qHat, exact.dQHat, qNorms, own, this.#sumD);
    varianceThroughNorms(this.dK, exact.kHat, exact.dKHat, kNorms, own, this.#sumD);
  }
}

/** Variance of p = exp(s − lse) where that of s is no small one: p may be anything up to what the largest errors make it. */
function errorOfExp(p: number, logarithm: number, variance: number): number {
  const far = DEVIATIONS * Math.sqrt(variance);
  const rise = Math.exp(Math.min(0, logarithm + far)) - p;
  return (Math.max(rise, -p * Math.expm1(-far)) / ALLOWED) ** 2;
}

function squareInto(x: Float64Array, out: Float64Array): void {
  for (let at = 0; at < x.length; at++) out[at] = (x[at] as number) ** 2;
}

function addSquares(variances: Float64Array, x: Float64Array, factor: number): void {
  for (let at = 0; at < x.length; at++) variances[at] = (variances[at] as number) + factor * (x[at] as number) ** 2;
}
