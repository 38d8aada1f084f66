import { multiplyAdd } from './lanes';

/** Φ(x) is 0 or 1 to float32 beyond it. */
const FARTHEST: f32 = 5.4;

/**
 * x · Φ(x) by lanes: Φ(x) = 1/2 + x · p(x²) / q(x²), a rational function fitted on [−5.4, 5.4] for the least error of
 * x · Φ(x), 2e-8. In float32 the error is at most 3e-7 · max(1, |x|). NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function gelu(x: v128, isFused: bool): v128 {
  const above = f32x4.pmax(x, f32x4.splat(-FARTHEST));
  const z = f32x4.pmin(above, f32x4.splat(FARTHEST));
  const t = f32x4.mul(z, z);
  let p = addProduct(t, f32x4.splat(2.2777119659058103e-8), f32x4.splat(6.490340059495639e-6), isFused);
  let q = addProduct(t, f32x4.splat(1.2086640216708967e-6), f32x4.splat(7.650872790961326e-5), isFused);
  p = addProduct(p, t, f32x4.splat(0.00017626169604186869), isFused);
  q = addProduct(q, t, f32x4.splat(0.001925466274011002), isFused);
  p = addProduct(p, t, f32x4.splat(0.004722372607928969), isFused);
  q = addProduct(q, t, f32x4.splat(0.029027655040816863), isFused);
  p = addProduct(p, t, f32x4.splat(0.034491656181199766), isFused);
  q = addProduct(q, t, f32x4.splat(0.2531220444653933), isFused);
  p = addProduct(p, t, f32x4.splat(0.3989420545036295), isFused);
  q = addProduct(q, t, f32x4.splat(1), isFused);
  const phi = addProduct(z, f32x4.div(p, q), f32x4.splat(0.5), isFused);
  return f32x4.mul(above, phi);
}

/** As `multiplyAdd`, or with two roundings in every build. */
// @ts-ignore: decorator
@inline
function addProduct(x: v128, y: v128, sum: v128, isFused: bool): v128 {
  return isFused ? multiplyAdd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y));
}

/** gelu of `count` numbers in each of `rows` rows, in place. */
export function geluRows(x: usize, stride: usize, rows: i32, count: i32): void {
  applyToRows(x, stride, rows, count, true);
}

/** As `geluRows`, with the same bits in every build. */
export function exactGeluRows(x: usize, stride: usize, rows: i32, count: i32): void {
  applyToRows(x, stride, rows, count, false);
}

/** `gelu` of what four vectors leave: a call, for it is rare. */
function rest(x: v128, isFused: bool): v128 {
  return isFused ? gelu(x, true) : gelu(x, false);
}

// @ts-ignore: decorator
@inline
function applyToRows(x: usize, stride: usize, rows: i32, count: i32, isFused: bool): void {
  for (let i = 0; i < rows; i++, x += stride) {
    let at = x;
    let left = count;
    if (left >= 16) {
      // Four vectors share the constants, which V8 moves out of loops that test at their end alone.
      do {
        const y0 = gelu(v128.load(at), isFused);
        const y1 = gelu(v128.load(at, 16), isFused);
        const y2 = gelu(v128.load(at, 32), isFused);
        const y3 = gelu(v128.load(at, 48), isFused);
        v128.store(at, y0);
        v128.store(at, y1, 16);
        v128.store(at, y2, 32);
        v128.store(at, y3, 48);
        at += 64;
        left -= 16;
      } while (left >= 16);
    }
    for (; left >= 4; left -= 4, at += 16) v128.store(at, rest(v128.load(at), isFused));
    for (; left > 0; left--, at += 4) store<f32>(at, f32x4.extract_lane(rest(v128.load32_splat(at), isFused), 0));
  }
}
