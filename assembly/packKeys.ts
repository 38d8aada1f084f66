/**
 * Packs K (L, D) for the score tiles: Kᵀ in panels of 8 keys, `[panel][D][8]`. Up to 4 keys more than fill panels are
 * left to `packTailKeys`; 5 to 7 get a panel whose last lanes repeat the last key. Keys are multiplied by `scale` on the way.
 */
export function packKeys(k: usize, L: i32, D: i32, scale: f32, to: usize): void {
  const panelBytes = (<usize>D) << 5;
  for (let key = 0; L - key > 4; key += 8) {
    packFourKeys(k, key, L, D, scale, to);
    packFourKeys(k, key + 4, L, D, scale, to + 16);
    to += panelBytes;
  }
}

/** Copies the last `L mod 8` keys, if they are 4 or fewer, times `scale` to rows of D. */
export function packTailKeys(k: usize, L: i32, D: i32, scale: f32, to: usize): void {
  if ((L & 7) > 4) return;
  const rowBytes = (<usize>D) << 2;
  const factor = f32x4.splat(scale);
  for (let key = L & ~7; key < L; key++, to += rowBytes) {
    const row = k + <usize>key * rowBytes;
    // The overhang of a row is rewritten by the next one.
    for (let at: usize = 0; at < rowBytes; at += 16) v128.store(to + at, f32x4.mul(factor, v128.load(row + at)));
  }
}

/** Kᵀ of keys `key … key + 3`: 4 floats every 32 bytes. */
function packFourKeys(k: usize, key: i32, L: i32, D: i32, scale: f32, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  const last = L - 1;
  let k0 = k + <usize>min(key, last) * rowBytes;
  let k1 = k + <usize>min(key + 1, last) * rowBytes;
  let k2 = k + <usize>min(key + 2, last) * rowBytes;
  let k3 = k + <usize>min(key + 3, last) * rowBytes;
  const factor = f32x4.splat(scale);
  for (let d = 0; d < D; d += 4, to += 128) {
    const r0 = v128.load(k0);
    const r1 = v128.load(k1);
    const r2 = v128.load(k2);
    const r3 = v128.load(k3);
    k0 += 16;
    k1 += 16;
    k2 += 16;
    k3 += 16;
    const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    // Features past the last one spill into the next panel, which is packed later, or into the slack.
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(low01, low23, 0, 2)));
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(low01, low23, 1, 3)), 32);
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(high01, high23, 0, 2)), 64);
    v128.store(to, f32x4.mul(factor, v128.shuffle<i64>(high01, high23, 1, 3)), 96);
  }
}
