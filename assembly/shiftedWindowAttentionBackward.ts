import { elementBytes, FLOAT32 } from './half';
import { SLACK } from './windowAttention';
import { windowAttentionBackward, windowAttentionBackwardScratch } from './windowAttentionBackward';
import { fillMask, gatherRows, locateTokens, scatterRows } from './shiftedWindowAttention';

/** Bytes of scratch that `shiftedWindowAttentionBackward` needs; f64 cannot overflow. */
export function shiftedWindowAttentionBackwardScratch(L: i32, D: i32): f64 {
  const matrices = 7 * (<f64>L * <f64>D + 8);
  return 4 * (matrices + <f64>L * <f64>L + 4 * <f64>L) + 16 * <f64>SLACK + windowAttentionBackwardScratch(L, D);
}

/**
 * Gradients of `shiftedWindowAttention` over `bands` bands of windows: q, k, v and dO of each window are gathered from
 * their images, dQ, dK and dV scattered to the image of dQkv.
 *
 * rows: for each band Wh triples of pointers, to the lines of qkv, dO and dQkv, 0 for padding. zeros: dO of a padded
 * token, (C). dBias: (H, L, padded L) to add to, or 0. dLogitScale: (H) float64 to add to. logitFactors: (H) float64.
 * The rest as for `shiftedWindowAttention`.
 */
export function shiftedWindowAttentionBackward(
  bands: i32,
  rows: usize,
  splits: usize,
  type: i32,
  padding: usize,
  zeros: usize,
  windows: i32,
  columns: usize,
  splitX: i32,
  Wh: i32,
  Ww: i32,
  H: i32,
  D: i32,
  bias: usize,
  dBias: usize,
  dLogitScale: usize,
  scale: f32,
  logitFactors: usize,
  scratch: usize,
): void {
  const L = Wh * Ww;
  const C = H * D;
  const matrixBytes = (<usize>L * <usize>D + 8) << 2;
  const listBytes = (<usize>L) << 2;
  const tokenBytes = <usize>(3 * C) * elementBytes(type);
  const tokens = scratch;
  const gradients = tokens + listBytes;
  const outputs = gradients + listBytes;
  const regions = outputs + listBytes;
  const q = regions + listBytes + SLACK;
  const k = q + matrixBytes;
  const v = k + matrixBytes;
  const dO = v + matrixBytes;
  const dQ = dO + matrixBytes;
  const dK = dQ + matrixBytes;
  const dV = dK + matrixBytes;
  const mask = dV + matrixBytes + SLACK;
  const inner = mask + ((<usize>L * <usize>L) << 2) + SLACK;

  for (let band = 0; band < bands; band++, rows += <usize>Wh * 12) {
    const split = load<i32>(splits + (band << 2));
    for (let window = 0; window < windows; window++) {
      const first = columns + ((<usize>window * <usize>Ww) << 2);
      locateTokens(rows, 12, tokenBytes, padding, first, Wh, Ww, tokens);
      locateTokens(rows + 4, 12, (<usize>C) << 2, zeros, first, Wh, Ww, gradients);
      locateTokens(rows + 8, 12, 12 * <usize>C, 0, first, Wh, Ww, outputs);
      const splitOfWindow = window == windows - 1 ? splitX : Ww;
      const isCrossed = split < Wh || splitOfWindow < Ww;
      if (isCrossed) fillMask(Wh, Ww, split, splitOfWindow, regions, mask);
      for (let h = 0; h < H; h++) {
        const channel = h * D;
        gatherRows(type, tokens, padding, L, D, channel, q);
        gatherRows(type, tokens, padding, L, D, C + channel, k);
        gatherRows(type, tokens, padding, L, D, 2 * C + channel, v);
        gatherRows(FLOAT32, gradients, zeros, L, D, channel, dO);
        windowAttentionBackward(
          1,
          h,
          H,
          L,
          D,
          1,
          q,
          k,
          v,
          bias,
          isCrossed ? mask : 0,
          dO,
          dQ,
          dK,
          dV,
          dBias,
          dLogitScale,
          scale,
          logitFactors,
          inner,
        );
        scatterRows(dQ, L, D, outputs, channel);
        scatterRows(dK, L, D, outputs, C + channel);
        scatterRows(dV, L, D, outputs, 2 * C + channel);
      }
    }
  }
}
