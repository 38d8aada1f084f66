import { LARGEST_ACTIVATION, SMALLEST_RANGE } from '../build/assembly/records';
import { ROUNDER } from './exp';

const LARGEST: f32 = <f32>LARGEST_ACTIVATION;
const ROUNDER_BITS: i32 = 0x4b400000;

/** Bytes between quantised rows. */
// @ts-ignore: decorator
@inline
export function quantizedStride(inputs: i32): usize {
  return (<usize>((inputs + 7) & ~7)) << 1;
}

/**
 * `round(x / scale)` of a row as int16, ties to even, scale = max |x| / LARGEST_ACTIVATION; returns the scale, NaN where
 * an element is NaN or infinite. Reads and writes up to 7 numbers past the end.
 */
export function quantizeRow(x: usize, inputs: i32, to: usize): f32 {
  const end = x + ((<usize>(inputs & ~7)) << 2);
  const unrolledEnd = x + ((<usize>(inputs & ~15)) << 2);
  const tail = inputs & 7;
  const lowLanes = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(tail));
  const highLanes = i32x4.lt_s(i32x4(4, 5, 6, 7), i32x4.splat(tail));
  // As integers, magnitudes compare as the numbers do, and NaN and infinity above all.
  const magnitude = i32x4.splat(0x7fffffff);
  let low = i32x4.splat(0);
  let high = i32x4.splat(0);
  let at = x;
  for (; at < unrolledEnd; at += 64) {
    low = i32x4.max_s(low, v128.and(v128.load(at), magnitude));
    high = i32x4.max_s(high, v128.and(v128.load(at, 16), magnitude));
    low = i32x4.max_s(low, v128.and(v128.load(at, 32), magnitude));
    high = i32x4.max_s(high, v128.and(v128.load(at, 48), magnitude));
  }
  for (; at < end; at += 16) low = i32x4.max_s(low, v128.and(v128.load(at), magnitude));
  if (tail) {
    low = i32x4.max_s(low, v128.and(v128.and(v128.load(at), magnitude), lowLanes));
    high = i32x4.max_s(high, v128.and(v128.and(v128.load(at, 16), magnitude), highLanes));
  }
  low = i32x4.max_s(low, high);
  low = i32x4.max_s(low, v128.shuffle<i32>(low, low, 2, 3, 0, 1));
  low = i32x4.max_s(low, v128.shuffle<i32>(low, low, 1, 0, 3, 2));
  const range = max(f32x4.extract_lane(low, 0), SMALLEST_RANGE);
  const inverse = f32x4.splat(LARGEST / range);
  at = x;
  for (; at < unrolledEnd; at += 64, to += 32) {
    store8(to, rounded(v128.load(at), inverse), rounded(v128.load(at, 16), inverse));
    v128.store(to, i16x8.narrow_i32x4_s(rounded(v128.load(at, 32), inverse), rounded(v128.load(at, 48), inverse)), 16);
  }
  for (; at < end; at += 32, to += 16) {
    store8(to, rounded(v128.load(at), inverse), rounded(v128.load(at, 16), inverse));
  }
  if (tail) {
    const first = v128.and(rounded(v128.load(at), inverse), lowLanes);
    const last = v128.and(rounded(v128.load(at, 16), inverse), highLanes);
    store8(to, first, last);
  }
  // Of a range that is not finite, the difference is NaN.
  return range / LARGEST + (range - range);
}

// @ts-ignore: decorator
@inline
function store8(to: usize, low: v128, high: v128): void {
  v128.store(to, i16x8.narrow_i32x4_s(low, high));
}

// @ts-ignore: decorator
@inline
function rounded(x: v128, inverse: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), f32x4.splat(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}
