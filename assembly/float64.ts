const LOG2E: f64 = 1.4426950408889634;
export const LN2: f64 = 0.6931471805599453;
/** ln 2 split in two, so that `n · LN2_HIGH` is exact (Cody and Waite). */
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const SQRT2: f64 = 1.4142135623730951;

/**
 * e^x for x ≤ 0, 0 below −708; NaN stays NaN. The Taylor series of e^r to r¹³, |r| ≤ ln 2 / 2: relative error ≤ 1e-15.
 * AssemblyScript's own needs tables, which every instance would write to the memory that threads share.
 */
export function exp64(x: f64): f64 {
  if (x < -708) return 0;
  if (x != x) return x;
  const n = nearest(x * LOG2E);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let p: f64 = 1;
  for (let i = 13; i > 0; i--) p = 1 + (p * r) / <f64>i;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** ln x for normal x > 0; infinity and NaN stay. 2 artanh((m − 1) / (m + 1)) by its series: relative error ≤ 1e-15. */
export function log64(x: f64): f64 {
  if (!(x < Infinity)) return x;
  const bits = reinterpret<i64>(x);
  let n = <f64>((bits >> 52) - 1023);
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > SQRT2) {
    m *= 0.5;
    n += 1;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let p: f64 = 0;
  for (let i = 21; i > 0; i -= 2) p = p * s2 + 1 / <f64>i;
  return n * LN2 + 2 * s * p;
}
