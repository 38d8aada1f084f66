import { multiplyAdd } from './lanes';

/** 1.5 · 2²³: adding it rounds a float32 below 2²² to an integer, kept in its low bits. */
export const ROUNDER: f32 = 12582912;
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
export function expOfNonPositive(x: v128, rounder: v128, lowest: v128): v128 {
  x = f32x4.pmax(x, lowest);
  const shifted = multiplyAdd(x, f32x4.splat(LOG2E), rounder);
  const n = f32x4.sub(shifted, rounder);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)));
  // Estrin's scheme: as many operations as Horner's, in a shorter chain.
  const r2 = f32x4.mul(r, r);
  const high = multiplyAdd(r, f32x4.splat(0.008312501), f32x4.splat(0.0418903306));
  const low = multiplyAdd(r, f32x4.splat(0.166671157), f32x4.splat(0.499992311));
  const p = f32x4.add(multiplyAdd(r2, multiplyAdd(r2, high, low), r), f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}
