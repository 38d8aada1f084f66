import { sumOfLanes, tailLanes } from './lanes';

/**
 * Backward of softmax for `rows` rows: `p` holds P unnormalised with 1/Σ in `inverse`, `ds` holds dP; afterwards `p` holds
 * P and `ds` holds `dS = P ∘ (dP − rowsum(P ∘ dP))`. Adds dS to the rows of `dBias` where that is not 0.
 * All rows are `stride` bytes apart; lanes past the L-th of `p` are 0, those of `ds` anything.
 */
export function softmaxBackwardRows(
  p: usize,
  ds: usize,
  stride: usize,
  rows: i32,
  L: i32,
  inverse: usize,
  dBias: usize,
): void {
  const last = (<usize>((L - 1) & ~3)) << 2;
  const lanes = tailLanes(L);
  for (let i = 0; i < rows; i++) {
    const factor = v128.load32_splat(inverse + (i << 2));
    v128.store(ds + last, v128.and(lanes, v128.load(ds + last)));
    let along = f32x4.splat(0);
    for (let at: usize = 0; at <= last; at += 16) {
      const probability = f32x4.mul(factor, v128.load(p + at));
      v128.store(p + at, probability);
      along = f32x4.add(along, f32x4.mul(probability, v128.load(ds + at)));
    }
    const rowSum = f32x4.splat(sumOfLanes(along));
    for (let at: usize = 0; at <= last; at += 16) {
      const gradient = f32x4.mul(v128.load(p + at), f32x4.sub(v128.load(ds + at), rowSum));
      v128.store(ds + at, gradient);
      if (dBias) v128.store(dBias + at, f32x4.add(gradient, v128.load(dBias + at)));
    }
    p += stride;
    ds += stride;
    if (dBias) dBias += stride;
  }
}
