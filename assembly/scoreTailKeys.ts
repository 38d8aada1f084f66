import { CHUNK_DIM, multiplyAdd, tailLanes } from './lanes';

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
  const keyBytes = (<usize>D) << 2;
  const none = f32x4.splat(-Infinity);
  // One vector a key, one lane a query; then transposed.
  const k0 = scoresOfKey(a, a1, a2, a3, keys, D);
  const k1 = count > 1 ? scoresOfKey(a, a1, a2, a3, keys + keyBytes, D) : none;
  const k2 = count > 2 ? scoresOfKey(a, a1, a2, a3, keys + 2 * keyBytes, D) : none;
  const k3 = count > 3 ? scoresOfKey(a, a1, a2, a3, keys + 3 * keyBytes, D) : none;
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

/**
 * The dot products of four queries with one key, in four lanes, summed in the order of the tiles: equal keys have equal
 * scores, be they in a tile or not.
 */
function scoresOfKey(a0: usize, a1: usize, a2: usize, a3: usize, key: usize, D: i32): v128 {
  let scores = f32x4.splat(0);
  for (let first = 0; first < D; first += CHUNK_DIM) {
    const chunk = min(CHUNK_DIM, D - first);
    let sum = f32x4.splat(0);
    for (let left = chunk; left > 0; left -= 4) {
      const r0 = v128.load(a0);
      const r1 = v128.load(a1);
      const r2 = v128.load(a2);
      const r3 = v128.load(a3);
      const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      sum = multiplyAdd(v128.shuffle<i64>(low01, low23, 0, 2), v128.load32_splat(key), sum);
      if (left > 1) sum = multiplyAdd(v128.shuffle<i64>(low01, low23, 1, 3), v128.load32_splat(key, 4), sum);
      if (left > 2) sum = multiplyAdd(v128.shuffle<i64>(high01, high23, 0, 2), v128.load32_splat(key, 8), sum);
      if (left > 3) sum = multiplyAdd(v128.shuffle<i64>(high01, high23, 1, 3), v128.load32_splat(key, 12), sum);
      a0 += 16;
      a1 += 16;
      a2 += 16;
      a3 += 16;
      key += 16;
    }
    scores = first == 0 ? sum : f32x4.add(sum, scores);
  }
  return scores;
}
