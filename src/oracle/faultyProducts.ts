import type { Accumulation, Fault } from './faults.js';
import { exactProducts } from './products.js';

/** How sums of a lower type are made, of scores or of the output; undefined where they are exact. */
export function accumulationOf({ accumulation }: Fault, of: 'scores' | 'output'): Accumulation | undefined {
  return accumulation && (accumulation.of === 'all' || accumulation.of === of) ? accumulation : undefined;
}

export function pick(X: Float64Array, rows: readonly number[], D: number): Float64Array {
  const some = new Float64Array(rows.length * D);
  for (const [r, i] of rows.entries()) some.set(X.subarray(i * D, (i + 1) * D), r * D);
  return some;
}

/** `X[rows] Yᵀ`: `[rows, L]`. */
export function products(
  X: Float64Array,
  Y: Float64Array,
  rows: readonly number[],
  L: number,
  D: number,
  low?: Accumulation,
): Float64Array {
  const out = new Float64Array(rows.length * L);
  // Rows may be all, and in another order.
  const own = pick(X, rows, D);
  if (!low) {
    exactProducts(own, Y, rows.length, L, D, out, 'B');
    return out;
  }
  for (let r = 0; r < rows.length; r++) {
    for (let j = 0; j < L; j++) {
      let sum = 0;
      for (let d = 0; d < D; d += low.block) {
        let part = 0;
        for (let e = d; e < Math.min(d + low.block, D); e++)
          part += (own[r * D + e] as number) * (Y[j * D + e] as number);
        sum = low.round(sum + part);
      }
      out[r * L + j] = sum;
    }
  }
  return out;
}

/** `M X`: `[R, D]`; a weight of 0 takes nothing, not even of what is unknown. */
export function multiply(
  M: Float64Array,
  X: Float64Array,
  R: number,
  L: number,
  D: number,
  low?: Accumulation,
): Float64Array {
  const out = new Float64Array(R * D);
  for (let r = 0; r < R; r++) {
    for (let j = 0; j < L; j++) {
      const m = M[r * L + j] as number;
      if (m !== 0)
        for (let d = 0; d < D; d++) out[r * D + d] = (out[r * D + d] as number) + m * (X[j * D + d] as number);
      if (low && ((j + 1) % low.block === 0 || j === L - 1)) {
        for (let d = 0; d < D; d++) out[r * D + d] = low.round(out[r * D + d] as number);
      }
    }
  }
  return out;
}

/** Rows `lines` of `Mᵀ X[rows]`: `[lines, D]`. */
export function multiplyTransposed(
  M: Float64Array,
  X: Float64Array,
  rows: readonly number[],
  lines: readonly number[],
  L: number,
  D: number,
  low?: Accumulation,
): Float64Array {
  const out = new Float64Array(lines.length * D);
  for (let r = 0; r < rows.length; r++) {
    const x = (rows[r] as number) * D;
    for (let n = 0; n < lines.length; n++) {
      const m = M[r * L + (lines[n] as number)] as number;
      if (m !== 0) for (let d = 0; d < D; d++) out[n * D + d] = (out[n * D + d] as number) + m * (X[x + d] as number);
    }
    if (low && ((r + 1) % low.block === 0 || r === rows.length - 1)) {
      for (let at = 0; at < out.length; at++) out[at] = low.round(out[at] as number);
    }
  }
  return out;
}
