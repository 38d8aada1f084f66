// binary16 and bfloat16, eight numbers at a time; every conversion to them rounds to nearest, ties to even.
import { FLOAT16, FLOAT32 } from '../build/assembly/records';

/** Bytes of an element. */
// @ts-ignore: decorator
@inline
export function elementBytes(type: i32): usize {
  return type == FLOAT32 ? 4 : 2;
}

/** `count` half-precision numbers → float32. Reads and writes up to 7 numbers past the end. */
export function widenHalf(type: i32, from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += 8, from += 16, to += 32) {
    const bits = v128.load(from);
    const low = i32x4.extend_low_i16x8_u(bits);
    const high = i32x4.extend_high_i16x8_u(bits);
    v128.store(to, type == FLOAT16 ? widenFloat16(low) : i32x4.shl(low, 16));
    v128.store(to, type == FLOAT16 ? widenFloat16(high) : i32x4.shl(high, 16), 16);
  }
}

/** `count` float32 numbers → half precision. Reads and writes up to 7 numbers past the end. */
export function narrowHalf(type: i32, from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += 8, from += 32, to += 16) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    const narrowLow = type == FLOAT16 ? narrowFloat16(low) : narrowBfloat16(low);
    const narrowHigh = type == FLOAT16 ? narrowFloat16(high) : narrowBfloat16(high);
    v128.store(to, v128.shuffle<i16>(narrowLow, narrowHigh, 0, 2, 4, 6, 8, 10, 12, 14));
  }
}

/** Moves exponent and fraction to float32's places; a multiplication by 2¹¹² mends the exponent, subnormals included. */
// @ts-ignore: decorator
@inline
function widenFloat16(bits: v128): v128 {
  const magnitude = v128.and(bits, i32x4.splat(0x7fff));
  const scaled = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(5.192296858534828e33));
  const isSpecial = i32x4.gt_s(magnitude, i32x4.splat(0x7bff));
  const special = v128.and(isSpecial, i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(scaled, special), sign);
}

/**
 * Below 2⁻¹⁴ an addition of 0.5 leaves the subnormal's fraction in the low bits, rounded; from there on the fraction is
 * rounded by an integer addition that carries into the exponent, up to infinity.
 */
// @ts-ignore: decorator
@inline
function narrowFloat16(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = v128.xor(x, sign);
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  // −112 in the exponent, and half of the last place less one, or all of it where the last bit is odd.
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xc8000fff)), odd), 13);
  const isSmall = i32x4.lt_s(magnitude, i32x4.splat(0x38800000));
  const isLarge = i32x4.ge_s(magnitude, i32x4.splat(0x477ff000));
  const isNan = i32x4.gt_s(magnitude, i32x4.splat(0x7f800000));
  let half = v128.bitselect(subnormal, rounded, isSmall);
  half = v128.bitselect(i32x4.splat(0x7c00), half, isLarge);
  half = v128.or(half, i32x4.shr_u(sign, 16));
  return v128.bitselect(i32x4.splat(0x7e00), half, isNan);
}

// @ts-ignore: decorator
@inline
function narrowBfloat16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  return v128.bitselect(rounded, i32x4.splat(0x7fc0), f32x4.eq(x, x));
}
