/** Precisions that a kernel may compute in and that the oracle knows how to judge. */
export type Precision = 'float32';

/** How a naive kernel of some precision rounds; each function rounds a float64 to the nearest representable number. */
export interface Rounding {
  /** Elements as they are loaded. */
  readonly input: (value: number) => number;
  /** Every sum, product and transcendental in the accumulators. */
  readonly arithmetic: (value: number) => number;
  /** Probabilities and dS, as they enter the second matrix product. */
  readonly operand: (value: number) => number;
  /** Elements as they are stored. */
  readonly output: (value: number) => number;
  /** Relative distance of neighbouring stored numbers. */
  readonly epsilon: number;
}

const fround = Math.fround;

export const ROUNDINGS: Record<Precision, Rounding> = {
  float32: { input: fround, arithmetic: fround, operand: fround, output: fround, epsilon: 2 ** -23 },
};
