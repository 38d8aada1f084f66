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
  const tail = C & 3;
  const lanes = tailLanes(C);
  const inverse: f32 = 1 / <f32>C;
  for (let i = 0; i < rows; i++, x += rowBytes, out += rowBytes) {
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += 16) sum = f32x4.add(sum, v128.load(x + at));
    if (tail) sum = f32x4.add(sum, v128.and(v128.load(x + whole), lanes));
    const mean = f32x4.mul(f32x4.splat(sumOfLanes(sum)), f32x4.splat(inverse));
    let squares = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += 16) {
      const d = f32x4.sub(v128.load(x + at), mean);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    if (tail) {
      const d = v128.and(f32x4.sub(v128.load(x + whole), mean), lanes);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    const variance = f32x4.mul(f32x4.splat(sumOfLanes(squares)), f32x4.splat(inverse));
    const factor = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(eps))));
    for (let at: usize = 0; at < rowBytes; at += 16) {
      let y = f32x4.mul(f32x4.sub(v128.load(x + at), mean), factor);
      y = f32x4.add(f32x4.mul(y, v128.load(weight + at)), v128.load(bias + at));
      if (residual) y = f32x4.add(y, v128.load(residual + at));
      if (at < whole) v128.store(out + at, y);
      else storePartial(out + at, y, y, tail);
    }
    if (residual) residual += rowBytes;
  }
}
