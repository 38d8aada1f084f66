import { BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, type FloatFormat, roundTo, TF32 } from './floatFormats.js';

/**
 * Precisions that a kernel may compute in and that the oracle knows how to judge. All accumulate in float32; `tf32` stores
 * float32 and multiplies matrices in TensorFloat-32, as Triton and PyTorch do on request; the others store and multiply in
 * their own type.
 */
export type Precision = 'float32' | 'tf32' | 'bfloat16' | 'float16' | 'float8_e4m3fn' | 'float8_e5m2';

/** How a naive kernel of some precision rounds; each function rounds a float64 to float32 and on to its format. */
export interface Rounding {
  /** Elements as they are loaded. */
  readonly input: (value: number) => number;
  /** Every sum, product and transcendental in the accumulators. */
  readonly arithmetic: (value: number) => number;
  /** Operands of matrix products: q, k, v, dO, and P and dS as they enter theirs. */
  readonly operand: (value: number) => number;
  /** Elements as they are stored; logsumexp is stored in float32 by all. */
  readonly output: (value: number) => number;
  /** Relative distance of neighbouring stored numbers. */
  readonly epsilon: number;
  /** The format of operands, where it is narrower than float32. */
  readonly operandFormat: FloatFormat | undefined;
  /** The format of what is loaded and stored, likewise. */
  readonly storedFormat: FloatFormat | undefined;
}

/** Variance of a rounding to float32, relative to the number rounded: evenly spread over half a unit in the last place. */
export const ARITHMETIC = 2 ** -48 / 3;

export const ROUNDINGS: Record<Precision, Rounding> = {
  float32: roundingOf(undefined, undefined),
  tf32: roundingOf(TF32, undefined),
  bfloat16: roundingOf(BFLOAT16, BFLOAT16),
  float16: roundingOf(FLOAT16, FLOAT16),
  float8_e4m3fn: roundingOf(FLOAT8_E4M3FN, FLOAT8_E4M3FN),
  float8_e5m2: roundingOf(FLOAT8_E5M2, FLOAT8_E5M2),
};

export const PRECISIONS = Object.keys(ROUNDINGS) as Precision[];

function roundingOf(operandFormat: FloatFormat | undefined, storedFormat: FloatFormat | undefined): Rounding {
  const stored = (value: number) => roundTo(storedFormat, value);
  return {
    input: stored,
    arithmetic: Math.fround,
    operand: (value) => roundTo(operandFormat, value),
    output: stored,
    epsilon: 2 ** -(storedFormat?.fractionBits ?? 23),
    operandFormat,
    storedFormat,
  };
}
