import { expOfNonPositive, ROUNDER } from './exp';
import { multiplyAdd } from './lanes';

const SQRT1_2: f32 = 0.70710678;
/** e^x is 0 from here on. */
const LOWEST: f32 = -87.3;
/** Beyond it x · erfc(x / √2) is below the smallest normal number. */
const FARTHEST: f32 = 14;

/**
 * x · Φ(x) by lanes, = max(x, 0) − |x|/2 · erfc(|x| / √2). erfc(z) = e^(−z²) · p(t), t = 1 / (1 + 0.33 z): p, of degree 8
 * without a constant, was fitted to `erfcx` on [0, 10] for the least relative error, 1e-7. Absolute error ≤ 3e-7, less
 * beyond ±4. NaN stays NaN. Source of the form: Abramowitz and Stegun 7.1.26.
 */
// @ts-ignore: decorator
@inline
export function gelu(x: v128): v128 {
  const z = f32x4.min(f32x4.abs(x), f32x4.splat(FARTHEST));
  const e = expOfNonPositive(
    f32x4.mul(f32x4.mul(z, z), f32x4.splat(-0.5)),
    f32x4.splat(ROUNDER + 127),
    f32x4.splat(LOWEST),
  );
  const t = f32x4.div(f32x4.splat(1), multiplyAdd(z, f32x4.splat(0.33 * SQRT1_2), f32x4.splat(1)));
  let p = f32x4.splat(-0.13534562766369973);
  p = multiplyAdd(p, t, f32x4.splat(0.4602368558472482));
  p = multiplyAdd(p, t, f32x4.splat(-0.3511492309684324));
  p = multiplyAdd(p, t, f32x4.splat(0.4084995187967601));
  p = multiplyAdd(p, t, f32x4.splat(0.04722091600531747));
  p = multiplyAdd(p, t, f32x4.splat(0.20122380238523904));
  p = multiplyAdd(p, t, f32x4.splat(0.18295595575482548));
  p = multiplyAdd(p, t, f32x4.splat(0.18635780233471683));
  const erfc = f32x4.mul(f32x4.mul(p, t), e);
  const half = f32x4.mul(f32x4.mul(z, f32x4.splat(0.5)), erfc);
  return f32x4.sub(f32x4.max(x, f32x4.splat(0)), half);
}

/** gelu of `count` numbers in each of `rows` rows, in place. */
export function geluRows(x: usize, stride: usize, rows: i32, count: i32): void {
  for (let i = 0; i < rows; i++, x += stride) {
    let at = x;
    let left = count;
    for (; left >= 4; left -= 4, at += 16) v128.store(at, gelu(v128.load(at)));
    for (; left > 0; left--, at += 4) store<f32>(at, f32x4.extract_lane(gelu(v128.load32_splat(at)), 0));
  }
}
