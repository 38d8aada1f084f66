import { MAX_LOGIT_SCALE } from '../reference/scores.js';
import type { WindowOutputName } from './checkCase.js';
import type { Fault, FaultyUnit, GradientProduct, Normalisation, OperandName, Softmax } from './faults.js';
import { accumulationOf, multiply, multiplyTransposed, pick, products } from './faultyProducts.js';
import { isScoreRight, type Kept } from './keptParts.js';
import { type At, ZERO } from './place.js';
import { normaliseBackward, unitRows } from './rowNorms.js';
import { softmaxOf } from './rowSoftmax.js';

const RIGHT_PRODUCTS: { readonly [name in WindowOutputName]?: GradientProduct } = {
  dQ: { left: 'dS', isTransposed: false, right: 'k' },
  dK: { left: 'dS', isTransposed: true, right: 'q' },
  dV: { left: 'P', isTransposed: true, right: 'dO' },
};

/** One window and head of a faulty kernel. */
export class Pass {
  readonly #Q: () => Float64Array;
  readonly #K: () => Float64Array;
  #dP: Float64Array = new Float64Array(0);

  constructor(
    private readonly fault: Fault,
    private readonly unit: FaultyUnit,
    private readonly kept: Kept,
    /** Rows of dQ, dK or dV that are wanted. */
    private readonly lines: readonly number[],
  ) {
    this.#Q = once(() => this.#unitRows('q', fault.normaliseQ));
    this.#K = once(() => this.#unitRows('k', fault.normaliseK));
  }

  output(name: WindowOutputName): Float64Array {
    const { fault, unit } = this;
    const { rows, L, D } = unit;
    const S = this.#scores();
    const softmax = this.#softmax(S);
    if (name === 'lse') return this.#finished(softmax.lse.slice(), S);
    let { P } = softmax;
    if (fault.probabilities) {
      P = P.slice();
      fault.probabilities(P, unit, S);
    }
    if (name === 'o')
      return this.#finished(multiply(P, this.#operand('v'), rows.length, L, D, accumulationOf(fault, 'output')), S);
    const dS = name === 'dV' && fault.product === undefined ? P : this.#scoreGradients(P, softmax);
    if (name === 'dBias') return this.#finished(dS.slice(), S);
    if (name === 'dLogitScale') return this.#finished(Float64Array.of(this.#logitScaleGradient(dS, S)), S);
    return this.#finished(this.#gradient(name, { P, dS }), S);
  }

  #finished(x: Float64Array, S: Float64Array): Float64Array {
    this.fault.output?.(x, this.unit, S);
    return x;
  }

  /** The L rows of an operand as the kernel reads them. */
  #operand(name: OperandName | 'o'): Float64Array {
    const { problem, b, h, L, D } = this.unit;
    const source = name === 'o' ? undefined : this.fault[name];
    const x = problem[source?.from ?? name];
    if (!x) throw new RangeError(`no ${name} to read`);
    const round = this.fault.roundInputs;
    const at = (b * problem.H + h) * L * D;
    if (!source?.at) {
      const own = x.subarray(at, at + L * D);
      return round ? own.map(round) : own;
    }
    const read = new Float64Array(L * D);
    for (let i = 0; i < L; i++) {
      for (let d = 0; d < D; d++) {
        const from = source.at(b, h, i, d);
        // Memory outside the tensor is NaN, and so is all that depends on it.
        read[i * D + d] = from === ZERO ? 0 : (x[from] ?? Number.NaN);
      }
    }
    return round ? read.map(round) : read;
  }

  #unitRows(name: 'q' | 'k', normalisation: Normalisation | undefined): Float64Array {
    const { problem, L, D } = this.unit;
    const X = this.#operand(name);
    if (normalisation) return normalisation.unit(X, L, D, this.unit, name);
    return problem.logitScale ? unitRows(X, L, D) : X;
  }

  /** Products of queries and keys `[rows, L]`, kept where nothing changes them. */
  #products(): Float64Array {
    const { fault, kept } = this;
    const isRight = !(
      fault.q ||
      fault.k ||
      fault.normaliseQ ||
      fault.normaliseK ||
      fault.roundInputs ||
      fault.accumulation
    );
    if (isRight && kept.G) return kept.G;
    const { rows, L, D } = this.unit;
    const G = products(this.#Q(), this.#K(), rows, L, D, accumulationOf(fault, 'scores'));
    if (isRight) kept.G = G;
    return G;
  }

  #scores(): Float64Array {
    const { fault, unit, kept } = this;
    const { problem, b, h } = unit;
    const isRight = isScoreRight(fault);
    if (isRight && kept.S) return kept.S;
    const G = this.#products();
    const factor = fault.factor ? fault.factor(unit.factor, h) : unit.factor;
    const { bias, mask, nW } = problem;
    const S = G.map((g) => factor * g);
    // A bias has no windows.
    if (bias) addRead(S, bias, fault.biasFactor ?? 1, { ...unit, b: 0 }, fault.bias ?? h);
    if (mask) addRead(S, mask, fault.maskFactor ?? 1, unit, fault.mask ?? b % nW);
    const { scoreFactor } = fault;
    if (scoreFactor !== undefined) for (let at = 0; at < S.length; at++) S[at] = scoreFactor * (S[at] as number);
    fault.scores?.(S, unit);
    if (isRight) kept.S = S;
    return S;
  }

  #softmax(S: Float64Array): Softmax {
    const { fault, unit, kept } = this;
    const isRight = isScoreRight(fault) && !fault.softmax && !fault.savedLse;
    if (isRight && kept.P) return kept.P;
    const softmax = fault.savedLse
      ? this.#fromSavedLse(S)
      : fault.softmax
        ? fault.softmax(S, unit)
        : softmaxOf(S, unit.rows.length, unit.L);
    if (isRight) kept.P = softmax;
    return softmax;
  }

  #fromSavedLse(S: Float64Array): Softmax {
    const { problem, b, h, rows, L } = this.unit;
    const { at, change } = this.fault.savedLse ?? {};
    const P = new Float64Array(S.length);
    const lse = new Float64Array(rows.length);
    for (const [r, i] of rows.entries()) {
      const from = at ? at(b, h, i, 0) : (b * problem.H + h) * L + i;
      const read = from === ZERO ? 0 : (problem.lse[from] ?? Number.NaN);
      lse[r] = change ? change(read) : read;
      for (let j = 0; j < L; j++) {
        const s = S[r * L + j] as number;
        P[r * L + j] = s === Number.NEGATIVE_INFINITY ? 0 : Math.exp(s - (lse[r] as number));
      }
    }
    return { P, lse };
  }

  /** dS `[rows, L]`. */
  #scoreGradients(P: Float64Array, { P: unrounded }: Softmax): Float64Array {
    const { fault, unit, kept } = this;
    const { problem, b, h, rows, L, D } = unit;
    const isRight = !(fault.v || fault.dO || fault.roundInputs || fault.outputGradients || fault.accumulation);
    let dP = isRight ? kept.dP : undefined;
    if (!dP) {
      dP = products(this.#operand('dO'), this.#operand('v'), rows, L, D, accumulationOf(fault, 'scores'));
      fault.outputGradients?.(dP, unit);
      if (isRight) kept.dP = dP;
    }
    this.#dP = dP;
    const delta = new Float64Array(rows.length);
    for (const [r, i] of rows.entries()) {
      let sum = 0;
      if (fault.delta === 'saved') {
        const at = ((b * problem.H + h) * L + i) * D;
        const dO = problem.dO as Float64Array;
        for (let d = at; d < at + D; d++) sum += (dO[d] as number) * (problem.o[d] as number);
      } else {
        for (let j = r * L; j < (r + 1) * L; j++) {
          const p = unrounded[j] as number;
          if (p !== 0) sum += p * (dP[j] as number);
        }
      }
      delta[r] = sum;
    }
    if (typeof fault.delta === 'function') fault.delta(delta, unit, dP, P);
    const dS = new Float64Array(P.length);
    const { scoreGradient } = fault;
    for (let r = 0; r < rows.length; r++) {
      const d = delta[r] as number;
      for (let at = r * L; at < (r + 1) * L; at++) {
        const p = P[at] as number;
        dS[at] = scoreGradient ? scoreGradient(p, dP[at] as number, d) : p * ((dP[at] as number) - d);
      }
    }
    fault.scoreGradients?.(dS, unit);
    return dS;
  }

  #gradient(name: WindowOutputName, { P, dS }: { P: Float64Array; dS: Float64Array }): Float64Array {
    const { fault, unit, lines } = this;
    const { problem, h, rows, L, D } = unit;
    const right = RIGHT_PRODUCTS[name] as GradientProduct;
    const { left, isTransposed, right: operand } = fault.product ?? right;
    let M = left === 'P' ? P : left === 'dP' ? this.#dP : dS;
    if (fault.terms) {
      const { terms } = fault;
      M = M.map((value, at) => (terms(rows[Math.floor(at / L)] as number, at % L) ? value : 0));
    }
    if (!isTransposed && rows !== lines) M = pick(M, lines, L);
    const X = operand === 'q' ? this.#Q() : operand === 'k' ? this.#K() : this.#operand(operand);
    const accumulation = accumulationOf(fault, 'output');
    const sum = isTransposed
      ? multiplyTransposed(M, X, rows, lines, L, D, accumulation)
      : multiply(M, X, lines.length, L, D, accumulation);
    if (name === 'dV') return sum;
    const factor = fault.factor ? fault.factor(unit.factor, h) : unit.factor;
    const scoreFactor = fault.scoreFactor ?? 1;
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) * factor * scoreFactor;
    if (!problem.logitScale) return sum;
    const isQ = name === 'dQ';
    const normalisation = isQ ? fault.normaliseQ : fault.normaliseK;
    const own = pick(this.#operand(isQ ? 'q' : 'k'), lines, D);
    if (normalisation?.backward) return normalisation.backward(own, sum, lines.length, D);
    return normaliseBackward(own, sum, lines.length, D);
  }

  /** Σ dS ∘ S of the products, 0 where the logit scale is clamped. */
  #logitScaleGradient(dS: Float64Array, S: Float64Array): number {
    const { fault, unit } = this;
    const { problem, h } = unit;
    const logit = problem.logitScale?.[h] ?? 0;
    if (logit > MAX_LOGIT_SCALE && fault.logitTerm !== 'unclamped') return 0;
    const G = fault.logitTerm === 'score' ? S : this.#products();
    let sum = 0;
    for (let at = 0; at < dS.length; at++) {
      const ds = dS[at] as number;
      if (ds !== 0) sum += ds * (G[at] as number);
    }
    const factor = fault.factor ? fault.factor(unit.factor, h) : unit.factor;
    return fault.logitTerm === 'score' || fault.logitTerm === 'cosine' ? sum : sum * factor;
  }
}

/** Adds to S `[rows, L]` a bias or mask as a kernel reads it: anywhere, NaN outside of it, or rightly at its n-th matrix. */
function addRead(S: Float64Array, x: Float64Array, factor: number, unit: FaultyUnit, read: At | number): void {
  const { rows, b, h, L } = unit;
  for (let r = 0; r < rows.length; r++) {
    const i = rows[r] as number;
    for (let j = 0; j < L; j++) {
      const from = typeof read === 'number' ? (read * L + i) * L + j : read(b, h, i, j);
      if (from !== ZERO) S[r * L + j] = (S[r * L + j] as number) + factor * (x[from] ?? Number.NaN);
    }
  }
}

/** Outputs whose rows a product sums one by one. */
export function isProduct(output: WindowOutputName): boolean {
  return RIGHT_PRODUCTS[output] !== undefined;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
