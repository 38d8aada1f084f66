import { normalizeBackward, softmaxBackward } from '../reference/gradients.js';
import { clampLogitScale, MAX_LOGIT_SCALE, NORM_FLOOR, rowNorms, softmaxRows } from '../reference/scores.js';
import { PRODUCTS } from './products.js';

/** Inputs of one head of one window. q, k, v, dO: (L, D); bias, mask: (L, L). */
export interface Unit<T extends Float32Array | Float64Array> {
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly bias: T | undefined;
  readonly mask: T | undefined;
  readonly dO: T | undefined;
  /** The logit scale as it is given, under cosine attention. */
  readonly logitScale: number | undefined;
  /** Factor of the scores without one. */
  readonly scale: number;
}

/** What scores or cosines are multiplied by. */
export function factorOf({ logitScale, scale }: Pick<Unit<Float64Array>, 'logitScale' | 'scale'>): number {
  return logitScale === undefined ? scale : Math.exp(clampLogitScale(logitScale));
}

/** Whether the logit scale lies below its ceiling, so that it has a gradient. */
export function hasLogitGradient(logitScale: number | undefined): boolean {
  return logitScale !== undefined && !(logitScale > MAX_LOGIT_SCALE);
}

/**
 * The truth of one head of one window in float64: `windowAttention` and its backward with the scores and P computed once.
 * Every array is overwritten by the next `run`.
 */
export class ExactUnit {
  /** Products q kᵀ, or cosines: (L, L). */
  readonly dots: Float64Array;
  readonly S: Float64Array;
  readonly P: Float64Array;
  readonly dP: Float64Array;
  readonly dS: Float64Array;
  /** rowsum(P ∘ dP): (L). */
  readonly delta: Float64Array;
  readonly o: Float64Array;
  readonly lse: Float64Array;
  readonly dQ: Float64Array;
  readonly dK: Float64Array;
  readonly dV: Float64Array;
  /** Gradients of the unit rows, and their norms, under cosine attention. */
  readonly dQHat: Float64Array;
  readonly dKHat: Float64Array;
  /** q and k as they are multiplied: unit rows under cosine attention. */
  qHat: Float64Array;
  kHat: Float64Array;
  qNorms: Float64Array | undefined;
  kNorms: Float64Array | undefined;
  dLogitScale = 0;
  factor = 1;

  constructor(
    readonly L: number,
    readonly D: number,
    private readonly products = PRODUCTS,
  ) {
    const square = () => new Float64Array(L * L);
    const rows = () => new Float64Array(L * D);
    [this.dots, this.S, this.P, this.dP, this.dS] = [square(), square(), square(), square(), square()];
    [this.o, this.dQ, this.dK, this.dV, this.dQHat, this.dKHat] = [rows(), rows(), rows(), rows(), rows(), rows()];
    [this.qHat, this.kHat] = [rows(), rows()];
    [this.delta, this.lse] = [new Float64Array(L), new Float64Array(L)];
  }

  run(unit: Unit<Float64Array>): void {
    const { L, D, dots, S, P } = this;
    const isCosine = unit.logitScale !== undefined;
    this.factor = factorOf(unit);
    this.qNorms = isCosine ? rowNorms(unit.q, 0, L, D) : undefined;
    this.kNorms = isCosine ? rowNorms(unit.k, 0, L, D) : undefined;
    this.qHat = this.qNorms ? unitRows(unit.q, this.qNorms, D) : unit.q;
    this.kHat = this.kNorms ? unitRows(unit.k, this.kNorms, D) : unit.k;
    this.products.exact(this.qHat, this.kHat, L, L, D, dots, 'B');
    for (let ij = 0; ij < L * L; ij++) {
      const added = (unit.bias ? (unit.bias[ij] as number) : 0) + (unit.mask ? (unit.mask[ij] as number) : 0);
      S[ij] = this.factor * (dots[ij] as number) + added;
    }
    P.set(S);
    softmaxRows(P, L, this.lse);
    this.products.exact(P, unit.v, L, D, L, this.o, '');
    if (unit.dO) this.#backward(unit, unit.dO);
  }

  #backward({ q, k, v, logitScale }: Unit<Float64Array>, dO: Float64Array): void {
    const { L, D, P, dP, dS, delta, factor, qNorms, kNorms } = this;
    this.products.exact(dO, v, L, L, D, dP, 'B');
    for (let i = 0; i < L; i++) {
      let sum = 0;
      for (let j = i * L; j < (i + 1) * L; j++) sum += (P[j] as number) * (dP[j] as number);
      delta[i] = sum;
    }
    dS.set(dP);
    softmaxBackward(P, dS, L);
    this.products.exact(P, dO, L, D, L, this.dV, 'A');
    const [dQHat, dKHat] = qNorms ? [this.dQHat, this.dKHat] : [this.dQ, this.dK];
    this.products.exact(dS, this.kHat, L, D, L, dQHat, '');
    this.products.exact(dS, this.qHat, L, D, L, dKHat, 'A');
    for (let at = 0; at < L * D; at++) {
      dQHat[at] = factor * (dQHat[at] as number);
      dKHat[at] = factor * (dKHat[at] as number);
    }
    if (!qNorms || !kNorms) return;
    this.dLogitScale = hasLogitGradient(logitScale)
      ? this.qHat.reduce((sum, x, at) => sum + x * (dQHat[at] as number), 0)
      : 0;
    normalizeBackward(q, 0, qNorms, dQHat, this.dQ, D);
    normalizeBackward(k, 0, kNorms, dKHat, this.dK, D);
  }
}

function unitRows(x: Float64Array, norms: Float64Array, D: number): Float64Array {
  return x.map((value, at) => value / Math.max(norms[Math.floor(at / D)] as number, NORM_FLOOR));
}
