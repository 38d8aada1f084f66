/**
 * Packs K (L, D) for the score tiles: Kᵀ in panels of 8 keys, `[panel][D][8]`, the last panel 4 wide where 4 hold the
 * rest. Each key is multiplied by its factor on the way: `factors` (L), or `scale` for every key where it is 0.
 * Lanes past the last key repeat it; their scores are overwritten.
 */
export function packKeys(k: usize, L: i32, D: i32, scale: f32, factors: usize, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let key = 0; key < L; key += 8) {
    const isNarrow = L - key <= 4;
    packFourKeys(k, key, L, D, rowBytes, scale, factors, to, isNarrow ? 16 : 32);
    if (!isNarrow) packFourKeys(k, key + 4, L, D, rowBytes, scale, factors, to + 16, 32);
    to += isNarrow ? rowBytes << 2 : rowBytes << 3;
  }
}

/** Kᵀ of keys `key … key + 3`: 4 floats every `stride` bytes. */
function packFourKeys(
  k: usize,
  key: i32,
  L: i32,
  D: i32,
  rowBytes: usize,
  scale: f32,
  factors: usize,
  to: usize,
  stride: usize,
): void {
  const last = L - 1;
  const key1 = min(key + 1, last);
  const key2 = min(key + 2, last);
  const key3 = min(key + 3, last);
  const k0 = k + <usize>key * rowBytes;
  const k1 = k + <usize>key1 * rowBytes;
  const k2 = k + <usize>key2 * rowBytes;
  const k3 = k + <usize>key3 * rowBytes;
  let factor = f32x4.splat(scale);
  if (factors) {
    factor = f32x4(
      load<f32>(factors + (key << 2)),
      load<f32>(factors + (key1 << 2)),
      load<f32>(factors + (key2 << 2)),
      load<f32>(factors + (key3 << 2)),
    );
  }
  for (let d = 0; d < D; d += 4) {
    const at = (<usize>d) << 2;
    const r0 = v128.load(k0 + at);
    const r1 = v128.load(k1 + at);
    const r2 = v128.load(k2 + at);
    const r3 = v128.load(k3 + at);
    const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(low01, low23, 0, 2)));
    to += stride;
    if (d + 1 == D) break;
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(low01, low23, 1, 3)));
    to += stride;
    if (d + 2 == D) break;
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(high01, high23, 0, 2)));
    to += stride;
    if (d + 3 == D) break;
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(high01, high23, 1, 3)));
    to += stride;
  }
}
