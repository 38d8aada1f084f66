import { CONSTANTS } from '../kernel/schema.js';
import type { QuantizedWeight } from './linearWeight.js';

const { LARGEST_WEIGHT } = CONSTANTS;
/** Added to the moments' diagonal, relative to its mean: few inputs leave them singular. */
const DAMPING = 0.01;
/** Rows of a matrix that are rounded side by side, so that each element of the factor is read once for all of them. */
const ROWS = 4;

/** A symmetric matrix `[n, n]`, its lower triangle row by row. */
export class Moments {
  readonly values: Float64Array;

  constructor(readonly n: number) {
    this.values = new Float64Array((n * (n + 1)) / 2);
  }

  /** Adds `x xᵀ`. */
  add(x: ArrayLike<number>): void {
    const { values } = this;
    for (let i = 0, at = 0; i < this.n; i++) {
      const own = x[i] as number;
      for (let j = 0; j <= i; j++, at++) values[at] = (values[at] as number) + own * (x[j] as number);
    }
  }

  /** `U` of `U D Uᵀ`, damped: row k holds `U[i, k]`, i < k. U is triangular, its diagonal 1. */
  factor(): Float64Array {
    const U = this.values.slice();
    const first = (row: number) => (row * (row + 1)) / 2;
    let trace = 0;
    for (let i = 0; i < this.n; i++) trace += U[first(i) + i] as number;
    const damping = (DAMPING * trace) / this.n || 1;
    for (let i = 0; i < this.n; i++) U[first(i) + i] = (U[first(i) + i] as number) + damping;
    for (let k = this.n - 1; k > 0; k--) {
      const row = first(k);
      const inverse = 1 / (U[row + k] as number);
      for (let i = 0, at = 0; i < k; i++) {
        const share = (U[row + i] as number) * inverse;
        for (let j = 0; j <= i; j++, at++) U[at] = (U[at] as number) - share * (U[row + j] as number);
      }
      for (let i = 0; i < k; i++) U[row + i] = (U[row + i] as number) * inverse;
    }
    return U;
  }
}

/**
 * The matrix of floats `weight` `[out, in]` on the scales of `nearest`, each column rounded to what the errors of those before
 * it leave, so that the layer's outputs err least on inputs of the moments that `factor` is of.
 * Source: Frantar et al. 2022, "GPTQ"; Chee et al. 2023, "QuIP", section 3.1, whose LDLQ is the same rounding.
 */
export function roundSequentially(
  weight: Float32Array,
  { dims, scales, type }: QuantizedWeight,
  factor: Float64Array,
): QuantizedWeight {
  const [outputs, n] = dims;
  const data = new Int8Array(outputs * n);
  const errors = Array.from({ length: ROWS }, () => new Float64Array(n));
  const [e0, e1, e2, e3] = errors as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let first = 0; first < outputs; first += ROWS) {
    const rows = Math.min(ROWS, outputs - first);
    for (let k = 0, at = 0; k < n; k++, at++) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0; i < k; i++, at++) {
        const u = factor[at] as number;
        s0 += (e0[i] as number) * u;
        s1 += (e1[i] as number) * u;
        s2 += (e2[i] as number) * u;
        s3 += (e3[i] as number) * u;
      }
      const left = [s0, s1, s2, s3];
      for (let r = 0; r < rows; r++) {
        const own = weight[(first + r) * n + k] as number;
        const scale = scales[first + r] as number;
        const step = Math.round((own + (left[r] as number)) / scale);
        const rounded = Math.max(-LARGEST_WEIGHT, Math.min(LARGEST_WEIGHT, step));
        data[(first + r) * n + k] = rounded;
        (errors[r] as Float64Array)[k] = own - rounded * scale;
      }
    }
  }
  return { data, dims, scales, type };
}
