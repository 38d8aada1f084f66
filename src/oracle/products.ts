/** What multiplies the oracle's matrices: these functions, or others that give the same bits sooner. */
export interface Products {
  readonly exact: typeof exactProducts;
  readonly rounded: typeof roundedProducts;
}

/** `out = A Bᵀ` in float64. A: (n, depth), B: (m, depth), out: (n, m). Tiles of 2 × 4 sums stay in registers. */
export function exactProducts(
  A: Float64Array,
  B: Float64Array,
  n: number,
  m: number,
  depth: number,
  out: Float64Array,
): void {
  for (let i = 0; i < n; i += 2) {
    const a0 = i * depth;
    const a1 = i + 1 < n ? a0 + depth : a0;
    for (let j = 0; j < m; j += 4) {
      const b0 = j * depth;
      const b1 = Math.min(j + 1, m - 1) * depth;
      const b2 = Math.min(j + 2, m - 1) * depth;
      const b3 = Math.min(j + 3, m - 1) * depth;
      let s00 = 0;
      let s01 = 0;
      let s02 = 0;
      let s03 = 0;
      let s10 = 0;
      let s11 = 0;
      let s12 = 0;
      let s13 = 0;
      for (let d = 0; d < depth; d++) {
        const x0 = A[a0 + d] as number;
        const x1 = A[a1 + d] as number;
        const y0 = B[b0 + d] as number;
        const y1 = B[b1 + d] as number;
        const y2 = B[b2 + d] as number;
        const y3 = B[b3 + d] as number;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
      }
      storeRow(out, i * m + j, m - j, s00, s01, s02, s03);
      if (i + 1 < n) storeRow(out, (i + 1) * m + j, m - j, s10, s11, s12, s13);
    }
  }
}

/**
 * `out = A Bᵀ` in float32, every product and sum rounded: sums of `chunk` products in the order of the index, then the sum
 * of these. A: (n, depth), B: (m, depth), out: (n, m).
 */
export function roundedProducts(
  A: Float32Array,
  B: Float32Array,
  n: number,
  m: number,
  depth: number,
  out: Float32Array,
  chunk: number,
): void {
  const r = Math.fround;
  for (let i = 0; i < n; i++) {
    const a0 = i * depth;
    for (let j = 0; j < m; j += 4) {
      const b0 = j * depth;
      const b1 = Math.min(j + 1, m - 1) * depth;
      const b2 = Math.min(j + 2, m - 1) * depth;
      const b3 = Math.min(j + 3, m - 1) * depth;
      let t0 = r(0);
      let t1 = r(0);
      let t2 = r(0);
      let t3 = r(0);
      for (let start = 0; start < depth; start += chunk) {
        const end = Math.min(start + chunk, depth);
        let s0 = r(0);
        let s1 = r(0);
        let s2 = r(0);
        let s3 = r(0);
        for (let d = start; d < end; d++) {
          const x = A[a0 + d] as number;
          s0 = r(s0 + r(x * (B[b0 + d] as number)));
          s1 = r(s1 + r(x * (B[b1 + d] as number)));
          s2 = r(s2 + r(x * (B[b2 + d] as number)));
          s3 = r(s3 + r(x * (B[b3 + d] as number)));
        }
        t0 = r(t0 + s0);
        t1 = r(t1 + s1);
        t2 = r(t2 + s2);
        t3 = r(t3 + s3);
      }
      storeRow(out, i * m + j, m - j, t0, t1, t2, t3);
    }
  }
}

export const PRODUCTS: Products = { exact: exactProducts, rounded: roundedProducts };

/** Writes Xᵀ. X: (n, m), out: (m, n). */
export function transposeInto(X: Float32Array | Float64Array, n: number, m: number, out: typeof X): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) out[j * n + i] = X[i * m + j] as number;
}

function storeRow(
  out: Float32Array | Float64Array,
  at: number,
  left: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  out[at] = s0;
  if (left > 1) out[at + 1] = s1;
  if (left > 2) out[at + 2] = s2;
  if (left > 3) out[at + 3] = s3;
}
