/**
 * Multiplies and adds registers only, `rounds` times 48 vector operations with no dependence between the two kinds:
 * the most that any kernel of separate multiplications and additions can reach. Returns a value so that none is dropped.
 */
export function multiplyAndAddPeak(rounds: i32, factor: f32, term: f32): f32 {
  const x = f32x4.splat(factor);
  const y = f32x4.splat(term);
  let m0 = x,
    m1 = x,
    m2 = x,
    m3 = x,
    m4 = x,
    m5 = x;
  let a0 = y,
    a1 = y,
    a2 = y,
    a3 = y,
    a4 = y,
    a5 = y;
  for (let i = 0; i < rounds; i++) {
    for (let unrolled = 0; unrolled < 4; unrolled++) {
      m0 = f32x4.mul(m0, x);
      a0 = f32x4.add(a0, y);
      m1 = f32x4.mul(m1, x);
      a1 = f32x4.add(a1, y);
      m2 = f32x4.mul(m2, x);
      a2 = f32x4.add(a2, y);
      m3 = f32x4.mul(m3, x);
      a3 = f32x4.add(a3, y);
      m4 = f32x4.mul(m4, x);
      a4 = f32x4.add(a4, y);
      m5 = f32x4.mul(m5, x);
      a5 = f32x4.add(a5, y);
    }
  }
  const m = f32x4.add(f32x4.add(m0, m1), f32x4.add(f32x4.add(m2, m3), f32x4.add(m4, m5)));
  const a = f32x4.add(f32x4.add(a0, a1), f32x4.add(f32x4.add(a2, a3), f32x4.add(a4, a5)));
  return f32x4.extract_lane(f32x4.add(m, a), 0);
}
