/** What multiplies the oracle's matrices: these functions, or others that give the same bits sooner. */
export interface Products {
  readonly exact: typeof exactProducts;
  readonly rounded: typeof roundedProducts;
}

/** Operands of a product that lie in memory as the transpose of what is multiplied: none, the first, the second. */
export type Transposed = '' | 'A' | 'B';

/** Distances of neighbours in A along n and depth, and in B along m and depth. */
function stridesOf(transposed: Transposed, n: number, m: number, depth: number) {
  const isA = transposed === 'A';
  const isB = transposed === 'B';
  return { aRow: isA ? 1 : depth, aStep: isA ? n : 1, bColumn: isB ? depth : 1, bStep: isB ? 1 : m };
}

/**
 * `out = A B` in float64. A: (n, depth), B: (depth, m), out: (n, m); where `transposed` names A, it lies as (depth, n), where
 * it names B, that lies as (m, depth). Tiles of 2 × 4 sums stay in registers.
 */
export function exactProducts(
  A: Float64Array,
  B: Float64Array,
  n: number,
  m: number,
  depth: number,
  out: Float64Array,
  transposed: Transposed,
): void {
  const { aRow, aStep, bColumn, bStep } = stridesOf(transposed, n, m, depth);
  for (let i = 0; i < n; i += 2) {
    for (let j = 0; j < m; j += 4) {
      let a0 = i * aRow;
      let a1 = i + 1 < n ? a0 + aRow : a0;
      let b0 = j * bColumn;
      let b1 = Math.min(j + 1, m - 1) * bColumn;
      let b2 = Math.min(j + 2, m - 1) * bColumn;
      let b3 = Math.min(j + 3, m - 1) * bColumn;
      let s00 = 0;
      let s01 = 0;
      let s02 = 0;
      let s03 = 0;
      let s10 = 0;
      let s11 = 0;
      let s12 = 0;
      let s13 = 0;
      for (let d = 0; d < depth; d++) {
        const x0 = A[a0] as number;
        const x1 = A[a1] as number;
        const y0 = B[b0] as number;
        const y1 = B[b1] as number;
        const y2 = B[b2] as number;
        const y3 = B[b3] as number;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
        a0 += aStep;
        a1 += aStep;
        b0 += bStep;
        b1 += bStep;
        b2 += bStep;
        b3 += bStep;
      }
      storeRow(out, i * m + j, m - j, s00, s01, s02, s03);
      if (i + 1 < n) storeRow(out, (i + 1) * m + j, m - j, s10, s11, s12, s13);
    }
  }
}

/** The same in float32, every product and sum rounded: sums of `chunk` products in the order of the index, then the sum of these. */
export function roundedProducts(
  A: Float32Array,
  B: Float32Array,
  n: number,
  m: number,
  depth: number,
  out: Float32Array,
  transposed: Transposed,
  chunk: number,
): void {
  const r = Math.fround;
  const { aRow, aStep, bColumn, bStep } = stridesOf(transposed, n, m, depth);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j += 4) {
      let a0 = i * aRow;
      let b0 = j * bColumn;
      let b1 = Math.min(j + 1, m - 1) * bColumn;
      let b2 = Math.min(j + 2, m - 1) * bColumn;
      let b3 = Math.min(j + 3, m - 1) * bColumn;
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
          const x = A[a0] as number;
          s0 = r(s0 + r(x * (B[b0] as number)));
          s1 = r(s1 + r(x * (B[b1] as number)));
          s2 = r(s2 + r(x * (B[b2] as number)));
          s3 = r(s3 + r(x * (B[b3] as number)));
          a0 += aStep;
          b0 += bStep;
          b1 += bStep;
          b2 += bStep;
          b3 += bStep;
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
