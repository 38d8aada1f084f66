import { expOfNonPositive, ROUNDER } from './exp';
import { LN2, log64 } from './float64';
import { maxInEveryLane, sumOfLanes } from './lanes';

/**
 * Replaces `rows` rows of scores `s` (L, padded with −∞ to whole vectors) by `2^-k · e^(S − max)` and writes 1 / Σ of
 * each row to `inverse` (0 for a row of −∞ alone) and logsumexp to `lse` where that is not 0.
 */
export function softmaxRows(s: usize, sStride: usize, rows: i32, L: i32, k: i32, inverse: usize, lse: usize): void {
  const rounder = f32x4.splat(ROUNDER + <f32>(<i32>127 - k));
  const lowest = f32x4.splat(<f32>(<i32>127 - k) * -0.6931472);
  const bytes = (<usize>((L + 3) >> 2)) << 4;
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    softmaxFourRows(s, sStride, bytes, rounder, lowest, k, inverse, lse);
    s += sStride << 2;
    inverse += 16;
    if (lse) lse += 16;
  }
  for (; row < rows; row++) {
    softmaxOneRow(s, bytes, rounder, lowest, k, inverse, lse);
    s += sStride;
    inverse += 4;
    if (lse) lse += 4;
  }
}

/** Four rows side by side: what the chains share, constants above all, is loaded once for all of them. */
// @ts-ignore: decorator
@inline
function softmaxFourRows(
  s0: usize,
  sStride: usize,
  bytes: usize,
  rounder: v128,
  lowest: v128,
  k: i32,
  inverse: usize,
  lse: usize,
): void {
  const s1 = s0 + sStride;
  const s2 = s1 + sStride;
  const s3 = s2 + sStride;
  let max0 = v128.load(s0);
  let max1 = v128.load(s1);
  let max2 = v128.load(s2);
  let max3 = v128.load(s3);
  for (let at: usize = 16; at < bytes; at += 16) {
    max0 = f32x4.pmax(max0, v128.load(s0 + at));
    max1 = f32x4.pmax(max1, v128.load(s1 + at));
    max2 = f32x4.pmax(max2, v128.load(s2 + at));
    max3 = f32x4.pmax(max3, v128.load(s3 + at));
  }
  const rowMax0 = maxInEveryLane(max0);
  const rowMax1 = maxInEveryLane(max1);
  const rowMax2 = maxInEveryLane(max2);
  const rowMax3 = maxInEveryLane(max3);
  max0 = finiteOrZero(rowMax0);
  max1 = finiteOrZero(rowMax1);
  max2 = finiteOrZero(rowMax2);
  max3 = finiteOrZero(rowMax3);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let at: usize = 0;
  // A loop that tests at its end: V8 moves constants only out of a body that always runs.
  do {
    const p0 = expOfNonPositive(f32x4.sub(v128.load(s0 + at), max0), rounder, lowest);
    const p1 = expOfNonPositive(f32x4.sub(v128.load(s1 + at), max1), rounder, lowest);
    const p2 = expOfNonPositive(f32x4.sub(v128.load(s2 + at), max2), rounder, lowest);
    const p3 = expOfNonPositive(f32x4.sub(v128.load(s3 + at), max3), rounder, lowest);
    v128.store(s0 + at, p0);
    v128.store(s1 + at, p1);
    v128.store(s2 + at, p2);
    v128.store(s3 + at, p3);
    sum0 = f32x4.add(sum0, p0);
    sum1 = f32x4.add(sum1, p1);
    sum2 = f32x4.add(sum2, p2);
    sum3 = f32x4.add(sum3, p3);
    at += 16;
  } while (at < bytes);
  finishRow(sumOfLanes(sum0), rowMax0, k, inverse, lse);
  finishRow(sumOfLanes(sum1), rowMax1, k, inverse + 4, lse ? lse + 4 : 0);
  finishRow(sumOfLanes(sum2), rowMax2, k, inverse + 8, lse ? lse + 8 : 0);
  finishRow(sumOfLanes(sum3), rowMax3, k, inverse + 12, lse ? lse + 12 : 0);
}

// @ts-ignore: decorator
@inline
function softmaxOneRow(s: usize, bytes: usize, rounder: v128, lowest: v128, k: i32, inverse: usize, lse: usize): void {
  let max = v128.load(s);
  for (let at: usize = 16; at < bytes; at += 16) max = f32x4.pmax(max, v128.load(s + at));
  const rowMax = maxInEveryLane(max);
  max = finiteOrZero(rowMax);
  let sum = f32x4.splat(0);
  let at: usize = 0;
  do {
    const p = expOfNonPositive(f32x4.sub(v128.load(s + at), max), rounder, lowest);
    v128.store(s + at, p);
    sum = f32x4.add(sum, p);
    at += 16;
  } while (at < bytes);
  finishRow(sumOfLanes(sum), rowMax, k, inverse, lse);
}

/** The row's maximum; 0 for a row of −∞ alone, so that its differences are −∞ and not NaN. */
// @ts-ignore: decorator
@inline
function finiteOrZero(rowMax: v128): v128 {
  return v128.andnot(rowMax, f32x4.eq(rowMax, f32x4.splat(-Infinity)));
}

// @ts-ignore: decorator
@inline
function finishRow(sum: f32, rowMax: v128, k: i32, inverse: usize, lse: usize): void {
  store<f32>(inverse, sum == 0 ? 0 : 1 / sum);
  if (lse) store<f32>(lse, logSumExp(sum, f32x4.extract_lane(rowMax, 0), k));
}

/** `max + ln(2^k Σ)`; −∞ for a row of −∞ alone, whose Σ is 0, and NaN for one with a NaN beside them. */
function logSumExp(sum: f32, rowMax: f32, k: i32): f32 {
  if (sum == 0) return -Infinity;
  return rowMax + <f32>(log64(sum) + <f64>k * LN2);
}
