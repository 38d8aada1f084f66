import { maxInEveryLane, tailLanes } from './lanes';

/** Panels packed side by side: rows are read whole, as the prefetcher likes them, and so few streams written at once fit L1. */
const PANELS_AT_ONCE = 8;

/**
 * Packs V (L, D) for the value tiles: panels of 8 features, `[panel][L][8]`, so that a tile streams its panel in order
 * whatever D is; lanes past the last feature hold 0. Returns the largest |V|, NaN left out.
 */
export function packValues(v: usize, L: i32, D: i32, to: usize): f32 {
  const rowBytes = (<usize>D) << 2;
  const panelBytes = (<usize>L) << 5;
  const whole = (<usize>(D & ~7)) << 2;
  // Two maxima, neither ever NaN: pmax keeps its first operand wherever either is NaN.
  let maxLow = f32x4.splat(0);
  let maxHigh = f32x4.splat(0);
  for (let first: usize = 0; first < whole; first += 32 * PANELS_AT_ONCE) {
    const end = min(first + 32 * PANELS_AT_ONCE, whole);
    let row = v;
    for (let i = 0; i < L; i++, row += rowBytes) {
      let panel = to + ((<usize>i) << 5);
      for (let at = first; at < end; at += 32, panel += panelBytes) {
        const low = v128.load(row + at);
        const high = v128.load(row + at, 16);
        v128.store(panel, low);
        v128.store(panel, high, 16);
        maxLow = f32x4.pmax(maxLow, f32x4.abs(low));
        maxHigh = f32x4.pmax(maxHigh, f32x4.abs(high));
      }
    }
    to += ((end - first) >> 5) * panelBytes;
  }
  const tail = D & 7;
  if (tail > 0) {
    const lanes = tailLanes(D);
    const lowLanes = tail > 4 ? i32x4.splat(-1) : lanes;
    const highLanes = tail > 4 ? lanes : i32x4.splat(0);
    let row = v + whole;
    const end = to + panelBytes;
    for (; to < end; to += 32, row += rowBytes) {
      const low = v128.and(v128.load(row), lowLanes);
      const high = v128.and(v128.load(row, 16), highLanes);
      v128.store(to, low);
      v128.store(to, high, 16);
      maxLow = f32x4.pmax(maxLow, f32x4.abs(low));
      maxHigh = f32x4.pmax(maxHigh, f32x4.abs(high));
    }
  }
  return f32x4.extract_lane(maxInEveryLane(f32x4.pmax(maxLow, maxHigh)), 0);
}
