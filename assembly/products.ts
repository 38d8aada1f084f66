// A Bᵀ with the bits of src/oracle/products.ts: lanes are outputs that lie side by side, so that every sum keeps its order.
// B's rows lie in panels [panel][depth][lanes of two vectors]. Every array is followed by what it need not be.

export function heapBase(): usize {
  return __heap_base;
}

/** `out = A Bᵀ` in float64. A: (n, depth), B: (m, depth), out: (n, m); panels: m, rounded up to 4, times depth. */
export function exactProducts(A: usize, B: usize, n: i32, m: i32, depth: i32, out: usize, panels: usize): void {
  packPanels<f64>(B, m, depth, panels);
  const rowBytes = (<usize>depth) << 3;
  for (let i = 0; i < n; i += 2) {
    const a0 = A + <usize>i * rowBytes;
    const a1 = i + 1 < n ? a0 + rowBytes : a0;
    for (let j = 0; j < m; j += 4) {
      let b = panels + <usize>j * rowBytes;
      let s00 = f64x2.splat(0);
      let s01 = f64x2.splat(0);
      let s10 = f64x2.splat(0);
      let s11 = f64x2.splat(0);
      for (let at: usize = 0; at < rowBytes; at += 8) {
        const x0 = v128.load64_splat(a0 + at);
        const x1 = v128.load64_splat(a1 + at);
        const y0 = v128.load(b);
        const y1 = v128.load(b, 16);
        s00 = f64x2.add(s00, f64x2.mul(x0, y0));
        s01 = f64x2.add(s01, f64x2.mul(x0, y1));
        s10 = f64x2.add(s10, f64x2.mul(x1, y0));
        s11 = f64x2.add(s11, f64x2.mul(x1, y1));
        b += 32;
      }
      const to = out + ((<usize>i * m + j) << 3);
      storeRow<f64>(to, m - j, s00, s01, panels);
      if (i + 1 < n) storeRow<f64>(to + ((<usize>m) << 3), m - j, s10, s11, panels);
    }
  }
}

/** The same in float32, sums of `chunk` products first. panels: m, rounded up to 8, times depth. */
export function roundedProducts(
  A: usize,
  B: usize,
  n: i32,
  m: i32,
  depth: i32,
  out: usize,
  panels: usize,
  chunk: i32,
): void {
  packPanels<f32>(B, m, depth, panels);
  const rowBytes = (<usize>depth) << 2;
  const chunkBytes = (<usize>chunk) << 2;
  for (let i = 0; i < n; i += 2) {
    const a0 = A + <usize>i * rowBytes;
    const a1 = i + 1 < n ? a0 + rowBytes : a0;
    for (let j = 0; j < m; j += 8) {
      let b = panels + <usize>j * rowBytes;
      let t00 = f32x4.splat(0);
      let t01 = f32x4.splat(0);
      let t10 = f32x4.splat(0);
      let t11 = f32x4.splat(0);
      for (let start: usize = 0; start < rowBytes; start += chunkBytes) {
        const end = min(start + chunkBytes, rowBytes);
        let s00 = f32x4.splat(0);
        let s01 = f32x4.splat(0);
        let s10 = f32x4.splat(0);
        let s11 = f32x4.splat(0);
        for (let at = start; at < end; at += 4) {
          const x0 = v128.load32_splat(a0 + at);
          const x1 = v128.load32_splat(a1 + at);
          const y0 = v128.load(b);
          const y1 = v128.load(b, 16);
          s00 = f32x4.add(s00, f32x4.mul(x0, y0));
          s01 = f32x4.add(s01, f32x4.mul(x0, y1));
          s10 = f32x4.add(s10, f32x4.mul(x1, y0));
          s11 = f32x4.add(s11, f32x4.mul(x1, y1));
          b += 32;
        }
        t00 = f32x4.add(t00, s00);
        t01 = f32x4.add(t01, s01);
        t10 = f32x4.add(t10, s10);
        t11 = f32x4.add(t11, s11);
      }
      const to = out + ((<usize>i * m + j) << 2);
      storeRow<f32>(to, m - j, t00, t01, panels);
      if (i + 1 < n) storeRow<f32>(to + ((<usize>m) << 2), m - j, t10, t11, panels);
    }
  }
}

/** Rows of B (m, depth) as columns of panels two vectors wide, zeros behind the last. */
function packPanels<T>(B: usize, m: i32, depth: i32, to: usize): void {
  const width = <i32>(32 / sizeof<T>());
  for (let j = 0; j < m; j += width) {
    for (let d = 0; d < depth; d++) {
      let from = B + (<usize>j * depth + d) * sizeof<T>();
      for (let lane = 0; lane < width; lane++) {
        store<T>(to, j + lane < m ? load<T>(from) : <T>0);
        from += <usize>depth * sizeof<T>();
        to += sizeof<T>();
      }
    }
  }
}

/** Stores the first `left` lanes of two vectors. */
// @ts-ignore: decorator
@inline
function storeRow<T>(to: usize, left: i32, low: v128, high: v128, panels: usize): void {
  if (<usize>left * sizeof<T>() >= 32) {
    v128.store(to, low);
    v128.store(to, high, 16);
    return;
  }
  // The 32 bytes before the panels are free.
  v128.store(panels - 32, low);
  v128.store(panels - 32, high, 16);
  memory.copy(to, panels - 32, <usize>left * sizeof<T>());
}
