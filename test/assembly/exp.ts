import { expOfNonPositive, ROUNDER } from '../../assembly/exp';

/** Replaces `count` (a multiple of 4) floats at `x` by `2^-k · e^x`. */
export function expInPlace(x: usize, count: i32, k: i32): void {
  const rounder = f32x4.splat(ROUNDER + <f32>(<i32>127 - k));
  const lowest = f32x4.splat(<f32>(<i32>127 - k) * -0.6931472);
  for (const end = x + ((<usize>count) << 2); x < end; x += 16) {
    v128.store(x, expOfNonPositive(v128.load(x), rounder, lowest));
  }
}
