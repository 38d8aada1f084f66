import { maxOfLanes, multiplyAdd, sumOfLanes } from './lanes';

/** 1.5 · 2²³: adding it rounds a float32 below 2²² to an integer, kept in its low bits. */
const ROUNDER: f32 = 12582912;
const LOG2E: f32 = 1.44269504;
/** ln 2 split in two, so that `n · LN2_HIGH` is exact for |n| < 2¹⁵ (Cody and Waite). */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;

/**
 * `2^-k · e^x` by lanes for x ≤ 0, k given by `rounder = ROUNDER + 127 − k`; 0 below about −(127 − k) ln 2 = `lowest`.
 * NaN stays NaN. e^x = 2^n e^r, |r| ≤ ln 2 / 2, e^r by a polynomial of degree 5 (minimax by the Remez exchange).
 * Relative error ≤ 2e-7.
 */
// @ts-ignore: decorator
@inline
function expOfNonPositive(x: v128, rounder: v128, lowest: v128): v128 {
  x = f32x4.pmax(x, lowest);
  const shifted = multiplyAdd(x, f32x4.splat(LOG2E), rounder);
  const n = f32x4.sub(shifted, rounder);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = multiplyAdd(r, f32x4.splat(0.0083125010), f32x4.splat(0.0418903306));
  p = multiplyAdd(r, p, f32x4.splat(0.166671157));
  p = multiplyAdd(r, p, f32x4.splat(0.499992311));
  p = multiplyAdd(r, p, f32x4.splat(1));
  p = multiplyAdd(r, p, f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/**
 * Replaces `rows` rows of scores `s` (L, padded with −∞ to whole vectors) by `2^-k · e^(S − max)`, 2^k ≥ L so that no
 * sum over a row of P V exceeds the largest |V|, and writes 1 / Σ of each row to `inverse` (0 for a row of −∞ alone)
 * and logsumexp to `lse` where that is not 0.
 */
export function softmaxRows(s: usize, sStride: usize, rows: i32, L: i32, inverse: usize, lse: usize): void {
  const k = L > 1 ? 32 - clz(L - 1) : 0;
  const rounder = f32x4.splat(ROUNDER + <f32>(<i32>127 - k));
  const lowest = f32x4.splat(<f32>(<i32>127 - k) * -0.6931472);
  const vectors = <usize>((L + 3) >> 2) << 4;
  for (let i = 0; i < rows; i++) {
    const end = s + vectors;
    let max = v128.load(s);
    for (let at = s + 16; at < end; at += 16) max = f32x4.pmax(max, v128.load(at));
    const rowMax = maxOfLanes(max);
    max = f32x4.splat(rowMax == -Infinity ? 0 : rowMax);
    let sum = f32x4.splat(0);
    for (let at = s; at < end; at += 16) {
      const p = expOfNonPositive(f32x4.sub(v128.load(at), max), rounder, lowest);
      v128.store(at, p);
      sum = f32x4.add(sum, p);
    }
    const total = sumOfLanes(sum);
    store<f32>(inverse + (i << 2), total == 0 ? 0 : 1 / total);
    if (lse) {
      store<f32>(lse + (i << 2), rowMax == -Infinity ? rowMax : rowMax + <f32>(NativeMath.log(total) + <f64>k * NativeMath.LN2));
    }
    s += sStride;
  }
}
