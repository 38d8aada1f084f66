import type { WindowOutputName } from './checkCase.js';
import type { FaultyProblem } from './faultyProblem.js';
import type { At } from './place.js';

/** Inputs that a kernel reads at `[b, h, i, d]`. */
export type OperandName = 'q' | 'k' | 'v' | 'dO';

/** Where a faulty kernel reads an operand. */
export interface Source {
  /** The tensor that it reads instead. */
  readonly from?: OperandName | 'o';
  readonly at?: At;
}

/** One window and head while a kernel works on it. Matrices are row-major, with one line for each of `rows`. */
export interface FaultyUnit {
  readonly problem: FaultyProblem;
  readonly b: number;
  readonly h: number;
  readonly L: number;
  readonly D: number;
  /** Queries that are computed. */
  readonly rows: readonly number[];
  /** Factor of the products in a right kernel. */
  readonly factor: number;
}

/** What the softmax leaves: P `[rows, L]`, and lse of each row. */
export interface Softmax {
  readonly P: Float64Array;
  readonly lse: Float64Array;
}

export type Round = (value: number) => number;

/** Sums in a lower type, rounded after every `block` terms. */
export interface Accumulation {
  readonly round: Round;
  readonly block: number;
  readonly of: 'scores' | 'output' | 'all';
}

/** Cosine attention's rows over their norms, and the way back. */
export interface Normalisation {
  /** Changes the rows X `[L, D]` of q or k to what enters the products. */
  unit(X: Float64Array, L: number, D: number, unit: FaultyUnit, name: 'q' | 'k'): Float64Array;
  /** Changes the gradient dX of what `unit` returned into that of X. */
  backward?(X: Float64Array, dX: Float64Array, L: number, D: number): Float64Array;
}

/** Which matrix and operand make a gradient. */
export interface GradientProduct {
  readonly left: 'P' | 'dS' | 'dP';
  readonly isTransposed: boolean;
  readonly right: OperandName | 'o';
}

/**
 * What a faulty kernel does differently, stage by stage. Faults of different keys combine; a key that is absent is done right.
 */
export interface Fault {
  readonly q?: Source;
  readonly k?: Source;
  readonly v?: Source;
  readonly dO?: Source;
  /** Index in the bias for `[0, h, i, j]`. */
  readonly bias?: At;
  /** Index in the mask for `[b, h, i, j]`, b of the whole batch. */
  readonly mask?: At;
  readonly factor?: (right: number, h: number) => number;
  readonly biasFactor?: number;
  readonly maskFactor?: number;
  /** Of all of S. */
  readonly scoreFactor?: number;
  readonly normaliseQ?: Normalisation;
  readonly normaliseK?: Normalisation;
  readonly roundInputs?: Round;
  readonly accumulation?: Accumulation;
  readonly scores?: (S: Float64Array, unit: FaultyUnit) => void;
  readonly softmax?: (S: Float64Array, unit: FaultyUnit) => Softmax;
  /** Changes P before it meets V. */
  readonly probabilities?: (P: Float64Array, unit: FaultyUnit, S: Float64Array) => void;
  /** P = exp(S − lse) with lse of the right forward pass, read at its place and changed; `[b, h, i, 0]`. */
  readonly savedLse?: { readonly at?: At; readonly change?: (lse: number) => number };
  /** Changes dP. */
  readonly outputGradients?: (dP: Float64Array, unit: FaultyUnit) => void;
  /** `saved`: rowsum(dO ∘ O) of the right O. */
  readonly delta?: 'saved' | ((delta: Float64Array, unit: FaultyUnit, dP: Float64Array, P: Float64Array) => void);
  /** An element of dS in place of P ∘ (dP − delta). */
  readonly scoreGradient?: (p: number, dP: number, delta: number) => number;
  /** Changes dS. */
  readonly scoreGradients?: (dS: Float64Array, unit: FaultyUnit) => void;
  readonly product?: GradientProduct;
  /** Terms that enter the sum of a gradient: query i, key j. */
  readonly terms?: (i: number, j: number) => boolean;
  /** Gradient of the factor of the products: of every element of S the number that dS is multiplied by. */
  readonly logitTerm?: 'cosine' | 'score' | 'unclamped';
  /** Share with which window b enters a sum over windows. */
  readonly windowShare?: (b: number, B: number) => number;
  /** The output at last, by rows. */
  readonly output?: (x: Float64Array, unit: FaultyUnit, S: Float64Array) => void;
  /** Every query is needed to compute any. */
  readonly needsAllRows?: true;
}

/** A fault with its name. */
export interface Variant {
  readonly name: string;
  readonly explanation: string;
  readonly fault: Fault;
}

export function variant(name: string, explanation: string, fault: Fault): Variant {
  return { name, explanation, fault };
}

/** What families are asked for. */
export interface FaultContext {
  readonly problem: FaultyProblem;
  readonly output: WindowOutputName;
}

/** Faults of one kind, the likelier first; none where the inputs leave no room for them. */
export type Family = (context: FaultContext) => readonly Variant[];
