import { roundToBfloat16, roundToFloat16 } from '../tensor/half.js';

/**
 * Precisions that a kernel may compute in and that the oracle knows how to judge. All accumulate in float32; `tf32` stores
 * float32 and multiplies matrices in TensorFloat-32, as Triton and PyTorch do on request; the half precisions store and
 * multiply in their own type.
 */
export type Precision = 'float32' | 'tf32' | 'bfloat16' | 'float16';

/** How a naive kernel of some precision rounds; each function rounds a float64 to the nearest representable number. */
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
}

const fround = Math.fround;
const float32 = new Float32Array(1);
const bits = new Uint32Array(float32.buffer);

/**
 * float32 with 10 explicit bits; tensor cores take float32 registers and ignore the 13 bits below. Source: PTX ISA,
 * `mma` with `.tf32`; Triton's `tl.dot` hands them over as they are.
 */
function tf32(value: number): number {
  float32[0] = value;
  bits[0] = (bits[0] as number) & 0xffffe000;
  return float32[0];
}

export const ROUNDINGS: Record<Precision, Rounding> = {
  float32: { input: fround, arithmetic: fround, operand: fround, output: fround, epsilon: 2 ** -23 },
  tf32: { input: fround, arithmetic: fround, operand: tf32, output: fround, epsilon: 2 ** -23 },
  bfloat16: {
    input: roundToBfloat16,
    arithmetic: fround,
    operand: roundToBfloat16,
    output: roundToBfloat16,
    epsilon: 2 ** -7,
  },
  float16: {
    input: roundToFloat16,
    arithmetic: fround,
    operand: roundToFloat16,
    output: roundToFloat16,
    epsilon: 2 ** -10,
  },
};
