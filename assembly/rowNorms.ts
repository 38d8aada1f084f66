import { sumOfLanes, tailLanes } from './lanes';

/** PyTorch's floor of a norm in `F.normalize`. */
const NORM_FLOOR: f64 = 1e-12;

/** `inverse[i] = factor / max(‖x_i‖, 1e-12)` for each of the L rows of x (L, D). */
export function inverseRowNorms(x: usize, L: i32, D: i32, factor: f32, inverse: usize): void {
  const rowBytes = (<usize>D) << 2;
  const whole = (<usize>((D - 1) & ~3)) << 2;
  const lanes = tailLanes(D);
  for (let i = 0; i < L; i++, x += rowBytes) {
    const last = v128.and(v128.load(x + whole), lanes);
    let squares = f32x4.mul(last, last);
    for (let at: usize = 0; at < whole; at += 16) {
      const part = v128.load(x + at);
      squares = f32x4.add(squares, f32x4.mul(part, part));
    }
    let sum = <f64>sumOfLanes(squares);
    // float32 squares lose bits, or overflow, outside this range.
    if (!(sum > 1e-30 && sum < 1e30)) sum = sumOfSquares(x, D);
    store<f32>(inverse + (i << 2), <f32>(<f64>factor / max(sqrt(sum), NORM_FLOOR)));
  }
}

/** Multiplies each of the L rows of x (L, D) by its factor, into `to`. */
export function scaleRows(x: usize, L: i32, D: i32, factors: usize, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let i = 0; i < L; i++, x += rowBytes, to += rowBytes) {
    const factor = v128.load32_splat(factors + (i << 2));
    // The overhang of a row is rewritten by the next one.
    for (let at: usize = 0; at < rowBytes; at += 16) v128.store(to + at, f32x4.mul(v128.load(x + at), factor));
  }
}

function sumOfSquares(x: usize, D: i32): f64 {
  let sum: f64 = 0;
  for (let d = 0; d < D; d++) {
    const value = <f64>load<f32>(x + (d << 2));
    sum += value * value;
  }
  return sum;
}

/**
 * Replaces gradients `dX` (L, D) of the unit rows `unit` by those of the rows themselves:
 * `(dx̂ − x̂ (x̂ · dx̂)) / ‖x‖`, and `dx̂ / 1e-12` where the floor holds. `inverse` (L): 1 / ‖x‖.
 * Source: PyTorch, `F.normalize`.
 */
export function normalizeRowsBackward(unit: usize, inverse: usize, L: i32, D: i32, dX: usize): void {
  const rowBytes = (<usize>D) << 2;
  const floored = <f32>(1 / NORM_FLOOR);
  for (let i = 0; i < L; i++, unit += rowBytes, dX += rowBytes) {
    const factor = load<f32>(inverse + (i << 2));
    let along: f64 = 0;
    for (let at: usize = 0; at < rowBytes; at += 4) along += <f64>load<f32>(unit + at) * <f64>load<f32>(dX + at);
    const part = factor < floored ? <f32>along : 0;
    for (let at: usize = 0; at < rowBytes; at += 4) {
      store<f32>(dX + at, (load<f32>(dX + at) - load<f32>(unit + at) * part) * factor);
    }
  }
}
