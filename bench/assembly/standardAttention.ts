import { scorePanel, valuePanel } from '../../build/assembly/tiles';
import { rowsOfPanel } from '../../assembly/lanes';
import { packKeys, packTailKeys } from '../../assembly/packKeys';
import { plainDots, plainProduct } from './plainProducts';
import { packValues } from '../../assembly/packValues';
import { scoreTailKeys } from '../../assembly/scoreTailKeys';
import { softmaxRows } from '../../assembly/softmaxRows';

/**
 * Standard attention, the report's baseline: every step is a pass of its own over the whole batch, and S (B, H, L, L)
 * exists in memory, rows padded to 8. The exponential is the fused kernel's, and so are the matrix products and their
 * packing, so that fusion is the only difference; unless `isPlain`, when the products are those of plainProducts.ts.
 *
 * q, k, v, o: (B, H, L, D). bias: (H, L, L) or 0. mask: (nW, L, L) or 0. s: (B, H, L, padded L). scaled: (B, H, L, D).
 * scratch: packed K or V of one window, and 8 floats.
 */
export function standardAttention(
  isPlain: bool,
  windowHeads: i32,
  H: i32,
  L: i32,
  D: i32,
  nW: i32,
  q: usize,
  k: usize,
  v: usize,
  bias: usize,
  mask: usize,
  o: usize,
  scale: f32,
  s: usize,
  scaled: usize,
  scratch: usize,
): void {
  const rowBytes = (<usize>D) << 2;
  const windowBytes = <usize>L * rowBytes;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  const sBytes = <usize>L * sStride;
  const packed = scratch + 64;
  const tailBytes = rowBytes << 2;

  // q · scale
  const factor = f32x4.splat(scale);
  const qBytes = <usize>windowHeads * windowBytes;
  for (let at: usize = 0; at < qBytes; at += 16) v128.store(scaled + at, f32x4.mul(factor, v128.load(q + at)));

  // S = q kᵀ
  for (let i: usize = 0; i < <usize>windowHeads; i++) {
    if (isPlain) {
      plainDots(scaled + i * windowBytes, k + i * windowBytes, L, D, s + i * sBytes, sStride);
      continue;
    }
    packTailKeys(k + i * windowBytes, L, D, 1, packed);
    packKeys(k + i * windowBytes, L, D, 1, packed + tailBytes);
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = scaled + i * windowBytes + <usize>row * rowBytes;
      const to = s + i * sBytes + <usize>row * sStride;
      scorePanel(rows, a, rowBytes, packed + tailBytes, D, L, 0, 0, to, sStride);
      scoreTailKeys(rows, a, rowBytes, packed, D, L, 0, 0, to, sStride);
    }
  }

  // S = S + bias, S = S + mask
  if (bias) addRows(s, sStride, bias, windowHeads, L, 1, H);
  if (mask) addRows(s, sStride, mask, windowHeads, L, H, nW);

  // P = softmax(S): unnormalised, then divided by its row's sum
  const allRows = windowHeads * L;
  for (let row = 0; row < allRows; row += 4) {
    const count = min(4, allRows - row);
    softmaxRows(s + <usize>row * sStride, sStride, count, L, 0, scratch, 0);
    for (let i = 0; i < count; i++) {
      const inverse = v128.load32_splat(scratch + (i << 2));
      const from = s + <usize>(row + i) * sStride;
      for (let at = from; at < from + ((<usize>L) << 2); at += 16) v128.store(at, f32x4.mul(inverse, v128.load(at)));
    }
  }

  // O = P v
  for (let at: usize = 0; at < 32; at += 4) store<f32>(scratch + at, 1);
  for (let i: usize = 0; i < <usize>windowHeads; i++) {
    if (isPlain) {
      plainProduct(s + i * sBytes, sStride, v + i * windowBytes, L, D, 1, o + i * windowBytes);
      continue;
    }
    packValues(v + i * windowBytes, L, D, packed);
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = s + i * sBytes + <usize>row * sStride;
      valuePanel(rows, a, sStride, packed, L, D, scratch, o + i * windowBytes + <usize>row * rowBytes, rowBytes);
    }
  }
}

/** Adds matrix `(i / divisor) % count` of `matrices` (count, L, L) to every S of (windowHeads, L, L). */
function addRows(s: usize, sStride: usize, matrices: usize, windowHeads: i32, L: i32, divisor: i32, count: i32): void {
  const rowBytes = (<usize>L) << 2;
  for (let i = 0; i < windowHeads; i++) {
    let from = matrices + <usize>((i / divisor) % count) * <usize>L * rowBytes;
    for (let row = 0; row < L; row++) {
      const whole = rowBytes & ~15;
      for (let at: usize = 0; at < whole; at += 16)
        v128.store(s + at, f32x4.add(v128.load(s + at), v128.load(from + at)));
      for (let at = whole; at < rowBytes; at += 4) store<f32>(s + at, load<f32>(s + at) + load<f32>(from + at));
      s += sStride;
      from += rowBytes;
    }
  }
}
