import { NORM_FLOOR } from '../reference/scores.js';
import { factorOf, hasLogitGradient, type Unit } from './exactUnit.js';
import { roundInPlace } from './floatFormats.js';
import type { Rounding } from './precision.js';
import { PRODUCTS } from './products.js';

/** What a right kernel may do in one way or another. */
export interface Order {
  /** Products that are summed by themselves before they join the rest. */
  readonly chunk: number;
  /** q takes the scale before the product, as in Swin's own layer, instead of the scores after it. */
  readonly isScaleFirst: boolean;
  /** O is divided by the sum of exponentials instead of P, and the backward pass recomputes P from logsumexp and takes
   * rowsum(dO ∘ O) for rowsum(P ∘ dP), as FlashAttention does. */
  readonly isNormalisedLast: boolean;
}

/** Orders whose errors the yardstick takes the worse of: PyTorch's operations one by one, and a fused kernel's. */
export const ORDERS: readonly [Order, Order] = [
  { chunk: Number.POSITIVE_INFINITY, isScaleFirst: false, isNormalisedLast: false },
  { chunk: 8, isScaleFirst: true, isNormalisedLast: true },
];

const r = Math.fround;
/** Smallest normal float32: exponentials below it become 0, as `ex2.approx.ftz` makes them (PTX ISA); adding them changes no
 * sum that counts, and processors take a hundred times as long for subnormal operands. */
const MIN_NORMAL = 2 ** -126;
const exp = (x: number) => {
  const e = r(Math.exp(x));
  return e < MIN_NORMAL ? 0 : e;
};

/**
 * One head of one window as a naive kernel of some precision computes it: every operation rounded to float32, operands of
 * products to their format. The yardstick of FlashAttention's test rule, not the truth. Arrays are overwritten by the next
 * `run`. Source: Dao-AILab/flash-attention, `attention_ref` in its tests.
 */
export class RoundedUnit {
  readonly o: Float32Array;
  readonly lse: Float32Array;
  readonly dQ: Float32Array;
  readonly dK: Float32Array;
  readonly dV: Float32Array;
  /** This window's share of dBias. */
  readonly dS: Float32Array;
  dLogitScale = 0;
  readonly #q: Float32Array;
  readonly #k: Float32Array;
  readonly #v: Float32Array;
  readonly #dO: Float32Array;
  readonly #S: Float32Array;
  readonly #P: Float32Array;
  readonly #operand: Float32Array;
  readonly #delta: Float32Array;

  constructor(
    private readonly L: number,
    private readonly D: number,
    private readonly rounding: Rounding,
    private readonly order: Order,
    private readonly products = PRODUCTS,
  ) {
    const square = () => new Float32Array(L * L);
    const rows = () => new Float32Array(L * D);
    [this.dS, this.#S, this.#P, this.#operand] = [square(), square(), square(), square()];
    [this.o, this.dQ, this.dK, this.dV] = [rows(), rows(), rows(), rows()];
    [this.#q, this.#k, this.#v, this.#dO] = [rows(), rows(), rows(), rows()];
    [this.lse, this.#delta] = [new Float32Array(L), new Float32Array(L)];
  }

  run(unit: Unit<Float32Array>): void {
    const { L, D, order } = this;
    const factor = r(factorOf(unit));
    const qNorms = unit.logitScale === undefined ? undefined : this.#norms(unit.q);
    const kNorms = unit.logitScale === undefined ? undefined : this.#norms(unit.k);
    const [Q, K, V, S] = [this.#q, this.#k, this.#v, this.#S];
    this.#load(unit.q, qNorms, order.isScaleFirst ? factor : 1, Q);
    this.#load(unit.k, kNorms, 1, K);
    this.#load(unit.v, undefined, 1, V);
    this.products.rounded(Q, K, L, L, D, S, 'B', order.chunk);
    for (let ij = 0; ij < L * L; ij++) {
      let s = S[ij] as number;
      if (!order.isScaleFirst) s = r(factor * s);
      if (unit.bias) s = r(s + (unit.bias[ij] as number));
      if (unit.mask) s = r(s + (unit.mask[ij] as number));
      S[ij] = s;
    }
    this.#softmax();
    this.#toOperand(this.#P, this.#operand);
    this.products.rounded(this.#operand, V, L, D, L, this.o, '', order.chunk);
    if (order.isNormalisedLast) this.#normaliseOutput();
    this.#store(this.o);
    if (unit.dO) this.#backward(unit, unit.dO, factor, qNorms, kNorms);
  }

  #backward(
    unit: Unit<Float32Array>,
    dO: Float32Array,
    factor: number,
    qNorms: Float32Array | undefined,
    kNorms: Float32Array | undefined,
  ): void {
    const { L, D, order, dS, dQ, dK, dV } = this;
    const [P, G, operand] = [this.#P, this.#dO, this.#operand];
    this.#load(dO, undefined, 1, G);
    if (order.isNormalisedLast) {
      const S = this.#S;
      for (let i = 0; i < L; i++) {
        const lse = this.lse[i] as number;
        for (let ij = i * L; ij < (i + 1) * L; ij++) {
          P[ij] = lse === Number.NEGATIVE_INFINITY ? 0 : exp(r((S[ij] as number) - lse));
        }
      }
      this.#toOperand(P, operand);
    }
    this.products.rounded(operand, G, L, D, L, dV, 'A', order.chunk);
    this.#store(dV);
    this.products.rounded(G, this.#v, L, L, D, dS, 'B', order.chunk);
    this.#rowSums(P, G);
    // Scaled q gives dK its scale; else dS takes it before it becomes an operand.
    const before = order.isScaleFirst ? 1 : factor;
    for (let i = 0; i < L; i++) {
      const delta = this.#delta[i] as number;
      for (let ij = i * L; ij < (i + 1) * L; ij++) {
        const ds = r((P[ij] as number) * r((dS[ij] as number) - delta));
        dS[ij] = ds;
        operand[ij] = before * ds;
      }
    }
    if (this.rounding.operandFormat) roundInPlace(this.rounding.operandFormat, operand);
    this.products.rounded(operand, this.#k, L, D, L, dQ, '', order.chunk);
    if (order.isScaleFirst) for (let at = 0; at < L * D; at++) dQ[at] = factor * (dQ[at] as number);
    this.products.rounded(operand, this.#q, L, D, L, dK, 'A', order.chunk);
    if (qNorms && kNorms) {
      this.dLogitScale = hasLogitGradient(unit.logitScale) ? this.#logitGradient(order.isScaleFirst ? factor : 1) : 0;
      normaliseBackward(unit.q, qNorms, dQ, D);
      normaliseBackward(unit.k, kNorms, dK, D);
    }
    this.#store(dQ);
    this.#store(dK);
  }

  #load(x: Float32Array, norms: Float32Array | undefined, factor: number, out: Float32Array): void {
    if (norms)
      for (let at = 0; at < x.length; at++) out[at] = (x[at] as number) / (norms[Math.floor(at / this.D)] as number);
    else out.set(x);
    if (factor !== 1) for (let at = 0; at < x.length; at++) out[at] = factor * (out[at] as number);
    if (this.rounding.operandFormat) roundInPlace(this.rounding.operandFormat, out);
  }

  #toOperand(x: Float32Array, out: Float32Array): void {
    out.set(x);
    if (this.rounding.operandFormat) roundInPlace(this.rounding.operandFormat, out);
  }

  #store(x: Float32Array): void {
    if (this.rounding.storedFormat) roundInPlace(this.rounding.storedFormat, x);
  }

  #norms(x: Float32Array): Float32Array {
    const { L, D } = this;
    const norms = new Float32Array(L);
    for (let i = 0; i < L; i++) {
      let sum = r(0);
      for (let d = i * D; d < (i + 1) * D; d++) sum = r(sum + r((x[d] as number) * (x[d] as number)));
      norms[i] = Math.max(r(Math.sqrt(sum)), NORM_FLOOR);
    }
    return norms;
  }

  /** P of S, left without its division where that comes last, and logsumexp. */
  #softmax(): void {
    const { L, lse } = this;
    const [S, P] = [this.#S, this.#P];
    for (let i = 0; i < L; i++) {
      let max = Number.NEGATIVE_INFINITY;
      for (let j = i * L; j < (i + 1) * L; j++) max = Math.max(max, S[j] as number);
      let sum = r(0);
      for (let j = i * L; j < (i + 1) * L; j++) {
        const e = max === Number.NEGATIVE_INFINITY ? 0 : exp(r((S[j] as number) - max));
        P[j] = e;
        sum = r(sum + e);
      }
      if (!this.order.isNormalisedLast) {
        for (let j = i * L; j < (i + 1) * L; j++) P[j] = sum === 0 ? 0 : (P[j] as number) / sum;
      }
      this.#delta[i] = sum;
      lse[i] = sum === 0 ? Number.NEGATIVE_INFINITY : max + r(Math.log(sum));
    }
  }

  #normaliseOutput(): void {
    const { L, D, o } = this;
    for (let i = 0; i < L; i++) {
      const sum = this.#delta[i] as number;
      for (let at = i * D; at < (i + 1) * D; at++) o[at] = sum === 0 ? 0 : (o[at] as number) / sum;
    }
  }

  /** rowsum(P ∘ dP), or rowsum(dO ∘ O) of the output as it is stored. */
  #rowSums(P: Float32Array, G: Float32Array): void {
    const { L, D, order, o, dS } = this;
    const [x, y, length] = order.isNormalisedLast ? [G, o, D] : [P, dS, L];
    for (let i = 0; i < L; i++) {
      let sum = r(0);
      for (let at = i * length; at < (i + 1) * length; at++) sum = r(sum + r((x[at] as number) * (y[at] as number)));
      this.#delta[i] = sum;
    }
  }

  /** Σ q̂ · dq̂, q̂ taken back out of what the factor has multiplied. */
  #logitGradient(factor: number): number {
    let sum = r(0);
    for (let at = 0; at < this.dQ.length; at++)
      sum = r(sum + r(r((this.#q[at] as number) / factor) * (this.dQ[at] as number)));
    return sum;
  }
}

/** Replaces the gradient of unit rows (L, D) by that of the rows themselves. */
function normaliseBackward(x: Float32Array, norms: Float32Array, dX: Float32Array, D: number): void {
  norms.forEach((norm, i) => {
    let along = r(0);
    for (let d = i * D; d < (i + 1) * D && norm > NORM_FLOOR; d++) {
      along = r(along + r(r((x[d] as number) / norm) * (dX[d] as number)));
    }
    for (let d = i * D; d < (i + 1) * D; d++) {
      dX[d] = r((dX[d] as number) - r(r((x[d] as number) / norm) * along)) / norm;
    }
  });
}
