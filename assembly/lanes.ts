// Small vector helpers shared by the kernels.

/** Features summed before they join the score, the report's chunk: sums of sums lose fewer bits than one long sum. */
export const CHUNK_DIM: i32 = 16;

/** `x · y + sum` by lanes: fused in the relaxed-SIMD build where the machine fuses, two roundings otherwise. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(x: v128, y: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(x, y, sum);
  return f32x4.add(sum, f32x4.mul(x, y));
}

/** All ones in the lanes of a row's last vector that hold one of its `length` elements. */
export function tailLanes(length: i32): v128 {
  const last = (length - 1) & 3;
  return i32x4.le_s(i32x4(0, 1, 2, 3), i32x4.splat(last));
}

/** Stores the first `count` (1 to 7) of the eight lanes `low`, `high`. */
export function storePartial(to: usize, low: v128, high: v128, count: i32): void {
  let rest = low;
  if (count >= 4) {
    v128.store(to, low);
    to += 16;
    rest = high;
  }
  if (count & 2) {
    v128.store64_lane(to, rest, 0);
    to += 8;
    rest = v128.shuffle<i32>(rest, rest, 2, 3, 0, 1);
  }
  if (count & 1) v128.store32_lane(to, rest, 0);
}

/** Largest of four lanes. */
// @ts-ignore: decorator
@inline
export function maxInEveryLane(x: v128): v128 {
  x = f32x4.pmax(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return f32x4.pmax(x, v128.shuffle<i32>(x, x, 1, 0, 3, 2));
}

/** Sum of four lanes, in a fixed order. */
// @ts-ignore: decorator
@inline
export function sumOfLanes(x: v128): f32 {
  x = f32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  x = f32x4.add(x, v128.shuffle<i32>(x, x, 1, 0, 3, 2));
  return f32x4.extract_lane(x, 0);
}

/** Queries of the next panel of tiles, when `left` of a window's are left: 4, 2 or 1. */
// @ts-ignore: decorator
@inline
export function rowsOfPanel(left: i32): i32 {
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}
