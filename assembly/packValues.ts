/**
 * Packs V (L, D) for the value tiles: panels of 8 features, `[panel][L][8]`, so that a tile streams its panel in order
 * whatever D is. Lanes past the last feature hold what follows in memory; what they lead to is never stored.
 */
export function packValues(v: usize, L: i32, D: i32, to: usize): void {
  const rowBytes = <usize>D << 2;
  for (let at: usize = 0; at < rowBytes; at += 32) {
    let row = v + at;
    const end = to + (<usize>L << 5);
    for (; to < end; to += 32, row += rowBytes) {
      const low = v128.load(row);
      const high = v128.load(row, 16);
      v128.store(to, low);
      v128.store(to, high, 16);
    }
  }
}
