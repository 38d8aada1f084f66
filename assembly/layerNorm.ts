import { LayerNormRecord } from '../build/assembly/records';
import { storePartial, sumOfLanes, tailLanes } from './lanes';

/** Layer norm of the record's rows, as `normalizeRows`; it needs no scratch. */
export function layerNorm(args: LayerNormRecord, scratch: usize): void {
  normalizeRows(args.rows, args.C, args.x, args.weight, args.bias, args.eps, args.residual, args.out);
}

/**
 * out[r, :] = residual[r, :] + (x[r, :] − mean) / √(variance + eps) · weight + bias over rows of C; residual 0 for none,
 * and may be `out`. Source: PyTorch, `F.layer_norm`.
 */
export function normalizeRows(
  rows: i32,
  C: i32,
  x: usize,
  weight: usize,
  bias: usize,
  eps: f32,
  residual: usize,
  out: usize,
): void {
  const rowBytes = (<usize>C) << 2;
  const whole = (<usize>(C & ~3)) << 2;
  const unrolled = (<usize>(C & ~15)) << 2;
  const tail = C & 3;
  const lanes = tailLanes(C);
  const inverse: f32 = 1 / <f32>C;
  for (let i = 0; i < rows; i++, x += rowBytes, out += rowBytes) {
    // Four sums side by side: one would wait for itself.
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    let at: usize = 0;
    for (; at < unrolled; at += 64) {
      sum0 = f32x4.add(sum0, v128.load(x + at));
      sum1 = f32x4.add(sum1, v128.load(x + at, 16));
      sum2 = f32x4.add(sum2, v128.load(x + at, 32));
      sum3 = f32x4.add(sum3, v128.load(x + at, 48));
    }
    for (; at < whole; at += 16) sum0 = f32x4.add(sum0, v128.load(x + at));
    if (tail) sum1 = f32x4.add(sum1, v128.and(v128.load(x + whole), lanes));
    const sum = f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
    const mean = f32x4.mul(f32x4.splat(sumOfLanes(sum)), f32x4.splat(inverse));
    sum0 = f32x4.splat(0);
    sum1 = sum0;
    sum2 = sum0;
    sum3 = sum0;
    for (at = 0; at < unrolled; at += 64) {
      sum0 = addSquare(sum0, f32x4.sub(v128.load(x + at), mean));
      sum1 = addSquare(sum1, f32x4.sub(v128.load(x + at, 16), mean));
      sum2 = addSquare(sum2, f32x4.sub(v128.load(x + at, 32), mean));
      sum3 = addSquare(sum3, f32x4.sub(v128.load(x + at, 48), mean));
    }
    for (; at < whole; at += 16) sum0 = addSquare(sum0, f32x4.sub(v128.load(x + at), mean));
    if (tail) sum1 = addSquare(sum1, v128.and(f32x4.sub(v128.load(x + whole), mean), lanes));
    const squares = f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
    const variance = f32x4.mul(f32x4.splat(sumOfLanes(squares)), f32x4.splat(inverse));
    const factor = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(eps))));
    for (at = 0; at < rowBytes; at += 16) {
      let y = f32x4.mul(f32x4.sub(v128.load(x + at), mean), factor);
      y = f32x4.add(f32x4.mul(y, v128.load(weight + at)), v128.load(bias + at));
      if (residual) y = f32x4.add(y, v128.load(residual + at));
      if (at < whole) v128.store(out + at, y);
      else storePartial(out + at, y, y, tail);
    }
    if (residual) residual += rowBytes;
  }
}

// @ts-ignore: decorator
@inline
function addSquare(sum: v128, d: v128): v128 {
  return f32x4.add(sum, f32x4.mul(d, d));
}
