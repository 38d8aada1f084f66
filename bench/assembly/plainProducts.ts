// Matrix products as a straightforward SIMD implementation writes them: along rows, without register tiles or packing.
// D is a multiple of 4.

/** S (L, rows of `sStride` bytes) = A Bᵀ by dot products. A, B: (L, D). −∞ past the L-th of a row. */
export function plainDots(a: usize, b: usize, L: i32, D: i32, s: usize, sStride: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let i = 0; i < L; i++, a += rowBytes, s += sStride) {
    let row = b;
    for (let j = 0; j < L; j++, row += rowBytes) {
      let sum = f32x4.splat(0);
      for (let at: usize = 0; at < rowBytes; at += 16) {
        sum = f32x4.add(sum, f32x4.mul(v128.load(a + at), v128.load(row + at)));
      }
      sum = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
      sum = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 1, 0, 3, 2));
      v128.store32_lane(s + (j << 2), sum, 0);
    }
    for (let at = (<usize>L) << 2; at < sStride; at += 4) store<f32>(s + at, -Infinity);
  }
}

/** Y (L, D) = factor · M X, row by row of X. M: (L, rows of `mStride` bytes). */
export function plainProduct(m: usize, mStride: usize, x: usize, L: i32, D: i32, factor: f32, y: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let i = 0; i < L; i++, m += mStride, y += rowBytes) {
    memory.fill(y, 0, rowBytes);
    for (let j = 0; j < L; j++) addRow(load<f32>(m + (j << 2)) * factor, x + <usize>j * rowBytes, rowBytes, y);
  }
}

/** Y (L, D) = factor · Mᵀ X. */
export function plainTransposedProduct(
  m: usize,
  mStride: usize,
  x: usize,
  L: i32,
  D: i32,
  factor: f32,
  y: usize,
): void {
  const rowBytes = (<usize>D) << 2;
  memory.fill(y, 0, <usize>L * rowBytes);
  for (let i = 0; i < L; i++, m += mStride, x += rowBytes) {
    for (let j = 0; j < L; j++) addRow(load<f32>(m + (j << 2)) * factor, x, rowBytes, y + <usize>j * rowBytes);
  }
}

// @ts-ignore: decorator
@inline
function addRow(factor: f32, from: usize, rowBytes: usize, to: usize): void {
  const f = f32x4.splat(factor);
  for (let at: usize = 0; at < rowBytes; at += 16) {
    v128.store(to + at, f32x4.add(v128.load(to + at), f32x4.mul(f, v128.load(from + at))));
  }
}
