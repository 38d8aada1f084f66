import { exp64 } from './float64';

/** PyTorch's floor of a norm in `F.normalize`. */
const NORM_FLOOR: f64 = 1e-12;

/** Bytes of scratch that `logitScaleGradient` needs. */
export function logitScaleGradientScratch(L: i32): f64 {
  return 3 * 8 * <f64>L;
}

/**
 * `Σ_ij dS_ij · logit_ij` of one window and head under cosine attention: the gradient of its logit scale. The terms
 * cancel, each row of dS sums to 0 and the rows among themselves, so that scores and gradients rounded to float32 would
 * leave few right digits: everything here is float64, and a row's logits are taken from their mean under P.
 *
 * q, k, v, dO: (L, D). bias, mask: (L, L) or 0. factor: `exp(min(logitScale, ln 100))`.
 */
export function logitScaleGradient(
  q: usize,
  k: usize,
  v: usize,
  dO: usize,
  bias: usize,
  mask: usize,
  L: i32,
  D: i32,
  factor: f64,
  scratch: usize,
): f64 {
  const rowBytes = (<usize>D) << 2;
  const bytes = (<usize>L) << 3;
  const logits = scratch;
  const p = logits + bytes;
  const dP = p + bytes;
  let gradient: f64 = 0;
  for (let i = 0; i < L; i++, q += rowBytes, dO += rowBytes) {
    const qFactor = factor / max(sqrt(dot(q, q, D)), NORM_FLOOR);
    let rowMax: f64 = -Infinity;
    let keyRow = k;
    let valueRow = v;
    for (let at: usize = 0; at < bytes; at += 8, keyRow += rowBytes, valueRow += rowBytes) {
      const logit = (dot(q, keyRow, D) * qFactor) / max(sqrt(dot(keyRow, keyRow, D)), NORM_FLOOR);
      let score = logit;
      if (bias) score += <f64>load<f32>(bias + (at >> 1));
      if (mask) score += <f64>load<f32>(mask + (at >> 1));
      store<f64>(logits + at, logit);
      store<f64>(p + at, score);
      store<f64>(dP + at, dot(dO, valueRow, D));
      rowMax = max(rowMax, score);
    }
    if (bias) bias += (<usize>L) << 2;
    if (mask) mask += (<usize>L) << 2;
    // P is 0 where all is masked, and 0 times what is not finite is NaN.
    if (rowMax == -Infinity) rowMax = 0;
    let sum: f64 = 0;
    let meanLogit: f64 = 0;
    let meanGradient: f64 = 0;
    for (let at: usize = 0; at < bytes; at += 8) {
      const e = exp64(load<f64>(p + at) - rowMax);
      store<f64>(p + at, e);
      sum += e;
      meanLogit += e * load<f64>(logits + at);
      meanGradient += e * load<f64>(dP + at);
    }
    // At least 1, but where all is masked.
    sum = max(sum, 1);
    meanLogit /= sum;
    meanGradient /= sum;
    let row: f64 = 0;
    for (let at: usize = 0; at < bytes; at += 8) {
      row += load<f64>(p + at) * (load<f64>(dP + at) - meanGradient) * (load<f64>(logits + at) - meanLogit);
    }
    gradient += row / sum;
  }
  return gradient;
}

/** The dot product of two rows of D float32 numbers, in float64. */
function dot(a: usize, b: usize, D: i32): f64 {
  const whole = a + ((<usize>(D & ~3)) << 2);
  const end = a + ((<usize>D) << 2);
  let low = f64x2.splat(0);
  let high = low;
  for (; a < whole; a += 16, b += 16) {
    const x = v128.load(a);
    const y = v128.load(b);
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(y)));
    const x2 = v128.shuffle<i32>(x, x, 2, 3, 2, 3);
    const y2 = v128.shuffle<i32>(y, y, 2, 3, 2, 3);
    high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(x2), f64x2.promote_low_f32x4(y2)));
  }
  low = f64x2.add(low, high);
  let sum = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  for (; a < end; a += 4, b += 4) sum += <f64>load<f32>(a) * <f64>load<f32>(b);
  return sum;
}
