import { sumOfLanes, tailLanes } from './lanes';

/** PyTorch's floor of a norm in `F.normalize`. */
const NORM_FLOOR: f64 = 1e-12;

/**
 * `to = factor · x / max(‖x‖, 1e-12)` by rows of x (L, D), and the norms, floored, to `norms` (L). Divided, not multiplied
 * by an inverse: a row of one element becomes exactly ±factor.
 */
export function unitRows(x: usize, L: i32, D: i32, factor: f32, norms: usize, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  const whole = (<usize>((D - 1) & ~3)) << 2;
  const lanes = tailLanes(D);
  const scale = f32x4.splat(factor);
  for (let i = 0; i < L; i++, x += rowBytes, to += rowBytes) {
    const last = v128.and(v128.load(x + whole), lanes);
    let squares = f32x4.mul(last, last);
    for (let at: usize = 0; at < whole; at += 16) {
      const part = v128.load(x + at);
      squares = f32x4.add(squares, f32x4.mul(part, part));
    }
    const sum = <f64>sumOfLanes(squares);
    // float32 squares lose bits, or overflow, outside this range.
    if (!(sum > 1e-30 && sum < 1e30)) {
      store<f32>(norms + (i << 2), unitRowWide(x, D, factor, to));
      continue;
    }
    const norm = <f32>max(sqrt(sum), NORM_FLOOR);
    store<f32>(norms + (i << 2), norm);
    const divisor = f32x4.splat(norm);
    // The overhang of a row is rewritten by the next one.
    for (let at: usize = 0; at < rowBytes; at += 16) {
      v128.store(to + at, f32x4.mul(scale, f32x4.div(v128.load(x + at), divisor)));
    }
  }
}

/** `unitRows` of one row in float64; returns its norm. */
function unitRowWide(x: usize, D: i32, factor: f32, to: usize): f32 {
  let sum: f64 = 0;
  for (let d = 0; d < D; d++) {
    const value = <f64>load<f32>(x + (d << 2));
    sum += value * value;
  }
  const norm = max(sqrt(sum), NORM_FLOOR);
  for (let d = 0; d < D; d++) {
    store<f32>(to + (d << 2), <f32>((<f64>load<f32>(x + (d << 2)) / norm) * <f64>factor));
  }
  return <f32>norm;
}

/**
 * Replaces gradients `dX` (L, D) of the unit rows `unit` by those of the rows themselves:
 * `(dx̂ − x̂ (x̂ · dx̂)) / ‖x‖`, and `dx̂ / 1e-12` where the floor holds. `norms` (L): from `unitRows`.
 * Source: PyTorch, `F.normalize`.
 */
export function normalizeRowsBackward(unit: usize, norms: usize, L: i32, D: i32, dX: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let i = 0; i < L; i++, unit += rowBytes, dX += rowBytes) {
    const norm = load<f32>(norms + (i << 2));
    let along: f64 = 0;
    for (let at: usize = 0; at < rowBytes; at += 4) along += <f64>load<f32>(unit + at) * <f64>load<f32>(dX + at);
    const part = norm > <f32>NORM_FLOOR ? <f32>along : 0;
    for (let at: usize = 0; at < rowBytes; at += 4) {
      store<f32>(dX + at, (load<f32>(dX + at) - load<f32>(unit + at) * part) / norm);
    }
  }
}
