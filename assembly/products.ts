// A B with the bits of src/oracle/products.ts: lanes are outputs that lie side by side, so that every sum keeps its order.
// B's columns lie in panels [panel][depth][lanes of two vectors]. Every array is followed by what it need not be.

export function heapBase(): usize {
  return __heap_base;
}

/**
 * `out = A B` in float64. A: (n, depth), or (depth, n) if it is transposed; B: (depth, m), or (m, depth); out: (n, m);
 * panels: m, rounded up to 4, times depth.
 */
export function exactProducts(
  A: usize,
  B: usize,
  n: i32,
  m: i32,
  depth: i32,
  out: usize,
  isATransposed: bool,
  isBTransposed: bool,
  panels: usize,
): void {
  packPanels<f64>(B, m, depth, isBTransposed, panels);
  const rowBytes = (<usize>depth) << 3;
  const nextRow = isATransposed ? <usize>8 : rowBytes;
  const nextTerm = isATransposed ? (<usize>n) << 3 : 8;
  for (let i = 0; i < n; i += 2) {
    const first = A + <usize>i * nextRow;
    const apart = i + 1 < n ? nextRow : 0;
    for (let j = 0; j < m; j += 4) {
      let a = first;
      let b = panels + <usize>j * rowBytes;
      const end = b + (rowBytes << 2);
      let s00 = f64x2.splat(0);
      let s01 = f64x2.splat(0);
      let s10 = f64x2.splat(0);
      let s11 = f64x2.splat(0);
      while (b < end) {
        const x0 = v128.load64_splat(a);
        const x1 = v128.load64_splat(a + apart);
        const y0 = v128.load(b);
        const y1 = v128.load(b, 16);
        s00 = f64x2.add(s00, f64x2.mul(x0, y0));
        s01 = f64x2.add(s01, f64x2.mul(x0, y1));
        s10 = f64x2.add(s10, f64x2.mul(x1, y0));
        s11 = f64x2.add(s11, f64x2.mul(x1, y1));
        a += nextTerm;
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
  isATransposed: bool,
  isBTransposed: bool,
  panels: usize,
  chunk: i32,
): void {
  packPanels<f32>(B, m, depth, isBTransposed, panels);
  const rowBytes = (<usize>depth) << 2;
  const chunkBytes = (<usize>chunk) << 5;
  const nextRow = isATransposed ? <usize>4 : rowBytes;
  const nextTerm = isATransposed ? (<usize>n) << 2 : 4;
  for (let i = 0; i < n; i += 2) {
    const first = A + <usize>i * nextRow;
    const apart = i + 1 < n ? nextRow : 0;
    for (let j = 0; j < m; j += 8) {
      let a = first;
      let b = panels + <usize>j * rowBytes;
      const last = b + (rowBytes << 3);
      let t00 = f32x4.splat(0);
      let t01 = f32x4.splat(0);
      let t10 = f32x4.splat(0);
      let t11 = f32x4.splat(0);
      while (b < last) {
        const end = min(b + chunkBytes, last);
        let s00 = f32x4.splat(0);
        let s01 = f32x4.splat(0);
        let s10 = f32x4.splat(0);
        let s11 = f32x4.splat(0);
        while (b < end) {
          const x0 = v128.load32_splat(a);
          const x1 = v128.load32_splat(a + apart);
          const y0 = v128.load(b);
          const y1 = v128.load(b, 16);
          s00 = f32x4.add(s00, f32x4.mul(x0, y0));
          s01 = f32x4.add(s01, f32x4.mul(x0, y1));
          s10 = f32x4.add(s10, f32x4.mul(x1, y0));
          s11 = f32x4.add(s11, f32x4.mul(x1, y1));
          a += nextTerm;
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

/** Columns of B (depth, m), or rows of its transpose, in panels two vectors wide, zeros behind the last. */
function packPanels<T>(B: usize, m: i32, depth: i32, isTransposed: bool, to: usize): void {
  const width = <i32>(32 / sizeof<T>());
  const nextColumn = (isTransposed ? <usize>depth : 1) * sizeof<T>();
  const nextTerm = (isTransposed ? <usize>1 : <usize>m) * sizeof<T>();
  for (let j = 0; j < m; j += width) {
    let from = B + <usize>j * nextColumn;
    if (!isTransposed && j + width <= m) {
      for (let d = 0; d < depth; d++, from += nextTerm, to += 32) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      }
      continue;
    }
    for (let d = 0; d < depth; d++, from += nextTerm) {
      let at = from;
      for (let lane = 0; lane < width; lane++) {
        store<T>(to, j + lane < m ? load<T>(at) : <T>0);
        at += nextColumn;
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
