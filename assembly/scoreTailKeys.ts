import { tailLanes } from './lanes';
import { tailKeyBytes } from './packKeys';

/**
 * Scores of `rows` (1, 2 or 4) queries against the last `L mod 8` keys where those are 1 to 4, as dot products along D: a
 * tile of 8 keys would waste half of its lanes and more. Adds bias and mask, −∞ past the last key.
 *
 * a: queries (rows, D), `aStride` bytes apart. keys: from `packTailKeys`. bias, mask: rows of (L, L), or 0.
 * s: rows of `sStride` bytes.
 */
export function scoreTailKeys(
  rows: i32,
  a: usize,
  aStride: usize,
  keys: usize,
  D: i32,
  L: i32,
  bias: usize,
  mask: usize,
  s: usize,
  sStride: usize,
): void {
  const count = L & 7;
  if (count == 0 || count > 4) return;
  const a1 = a + (rows > 1 ? aStride : 0);
  const a2 = a + (rows > 2 ? aStride << 1 : 0);
  const a3 = a + (rows > 2 ? aStride * 3 : 0);
  const keyBytes = tailKeyBytes(D);
  const none = f32x4.splat(-Infinity);
  // One vector a key, one lane a query; then transposed.
  const k0 = dotFourRows(a, a1, a2, a3, keys, D);
  const k1 = count > 1 ? dotFourRows(a, a1, a2, a3, keys + keyBytes, D) : none;
  const k2 = count > 2 ? dotFourRows(a, a1, a2, a3, keys + 2 * keyBytes, D) : none;
  const k3 = count > 3 ? dotFourRows(a, a1, a2, a3, keys + 3 * keyBytes, D) : none;
  const low01 = v128.shuffle<i32>(k0, k1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(k2, k3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(k0, k1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(k2, k3, 2, 6, 3, 7);
  const lanes = tailLanes(L);
  const rowBytes = (<usize>L) << 2;
  const at = (<usize>(L & ~7)) << 2;
  s += at;
  if (bias) bias += at;
  if (mask) mask += at;
  storeRow(v128.shuffle<i64>(low01, low23, 0, 2), lanes, bias, mask, s);
  if (rows == 1) return;
  storeRow(v128.shuffle<i64>(low01, low23, 1, 3), lanes, after(bias, rowBytes), after(mask, rowBytes), s + sStride);
  if (rows == 2) return;
  const two = rowBytes << 1;
  storeRow(v128.shuffle<i64>(high01, high23, 0, 2), lanes, after(bias, two), after(mask, two), s + (sStride << 1));
  const three = rowBytes * 3;
  storeRow(v128.shuffle<i64>(high01, high23, 1, 3), lanes, after(bias, three), after(mask, three), s + sStride * 3);
}

/** `matrix + bytes`, or 0 where there is no matrix. */
// @ts-ignore: decorator
@inline
function after(matrix: usize, bytes: usize): usize {
  return matrix ? matrix + bytes : 0;
}

// @ts-ignore: decorator
@inline
function storeRow(scores: v128, lanes: v128, bias: usize, mask: usize, to: usize): void {
  if (bias) scores = f32x4.add(scores, v128.load(bias));
  if (mask) scores = f32x4.add(scores, v128.load(mask));
  v128.store(to, v128.bitselect(scores, f32x4.splat(-Infinity), lanes));
}

/** The dot products of four rows with one key, in four lanes. The key is 0 past D, where the rows may hold anything. */
function dotFourRows(a0: usize, a1: usize, a2: usize, a3: usize, key: usize, D: i32): v128 {
  const end = key + tailKeyBytes(D) - 16;
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  for (; key < end; key += 16) {
    const y = v128.load(key);
    c0 = f32x4.add(c0, f32x4.mul(y, v128.load(a0)));
    c1 = f32x4.add(c1, f32x4.mul(y, v128.load(a1)));
    c2 = f32x4.add(c2, f32x4.mul(y, v128.load(a2)));
    c3 = f32x4.add(c3, f32x4.mul(y, v128.load(a3)));
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
  }
  const lanes = tailLanes(D);
  const y = v128.load(key);
  c0 = f32x4.add(c0, f32x4.mul(y, v128.and(lanes, v128.load(a0))));
  c1 = f32x4.add(c1, f32x4.mul(y, v128.and(lanes, v128.load(a1))));
  c2 = f32x4.add(c2, f32x4.mul(y, v128.and(lanes, v128.load(a2))));
  c3 = f32x4.add(c3, f32x4.mul(y, v128.and(lanes, v128.load(a3))));
  const sum01 = f32x4.add(v128.shuffle<i32>(c0, c1, 0, 4, 2, 6), v128.shuffle<i32>(c0, c1, 1, 5, 3, 7));
  const sum23 = f32x4.add(v128.shuffle<i32>(c2, c3, 0, 4, 2, 6), v128.shuffle<i32>(c2, c3, 1, 5, 3, 7));
  return f32x4.add(v128.shuffle<i64>(sum01, sum23, 0, 2), v128.shuffle<i64>(sum01, sum23, 1, 3));
}
