import {
  FLOAT32,
  ShiftedWindowAttentionBackwardRecord,
  SLACK,
  WindowAttentionBackwardRecord,
} from '../build/assembly/records';
import { elementBytes } from './half';
import { windowAttentionBackward, windowAttentionBackwardScratch } from './windowAttentionBackward';
import { fillMask, gatherRows, locateTokens, scatterRows } from './shiftedWindowAttention';

/** Bytes of scratch that `shiftedWindowAttentionBackward` needs; f64 cannot overflow. */
export function shiftedWindowAttentionBackwardScratch(L: i32, D: i32): f64 {
  const matrices = 7 * (<f64>L * <f64>D + 8);
  return 4 * (matrices + <f64>L * <f64>L + 4 * <f64>L) + 18 * <f64>SLACK + windowAttentionBackwardScratch(L, D);
}

/**
 * Gradients of `shiftedWindowAttention` over `bands` bands of windows: q, k, v and dO of each window are gathered from
 * their images, dQ, dK and dV scattered to the image of dQkv.
 *
 * rows: for each band Wh triples of pointers, to the lines of qkv, dO and dQkv, 0 for padding.
 */
export function shiftedWindowAttentionBackward(args: ShiftedWindowAttentionBackwardRecord, scratch: usize): void {
  const bands = args.bands;
  const splits = args.splits;
  const type = args.type;
  const padding = args.padding;
  const zeros = args.zeros;
  const windows = args.windows;
  const columns = args.columns;
  const splitX = args.splitX;
  const Wh = args.Wh;
  const Ww = args.Ww;
  const H = args.H;
  const D = args.D;
  let rows = args.rows;
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
  const window = changetype<WindowAttentionBackwardRecord>(mask + ((<usize>L * <usize>L) << 2) + SLACK);
  const inner = changetype<usize>(window) + 2 * SLACK;
  window.windowHeads = 1;
  window.H = H;
  window.L = L;
  window.D = D;
  window.nW = 1;
  window.q = q;
  window.k = k;
  window.v = v;
  window.bias = args.bias;
  window.scale = args.scale;
  window.logitFactors = args.logitFactors;
  window.dO = dO;
  window.dQ = dQ;
  window.dK = dK;
  window.dV = dV;
  window.dBias = args.dBias;
  window.dLogitScale = args.dLogitScale;

  for (let band = 0; band < bands; band++, rows += <usize>Wh * 12) {
    const split = load<i32>(splits + (band << 2));
    for (let w = 0; w < windows; w++) {
      const first = columns + ((<usize>w * <usize>Ww) << 2);
      const splitOfWindow = w == windows - 1 ? splitX : Ww;
      locateTokens(rows, 12, tokenBytes, padding, first, Wh, Ww, tokens);
      locateTokens(rows + 4, 12, (<usize>C) << 2, zeros, first, Wh, Ww, gradients);
      locateTokens(rows + 8, 12, 12 * <usize>C, 0, first, Wh, Ww, outputs);
      const isCrossed = split < Wh || splitOfWindow < Ww;
      if (isCrossed) fillMask(Wh, Ww, split, splitOfWindow, regions, mask);
      window.mask = isCrossed ? mask : 0;
      for (let h = 0; h < H; h++) {
        const channel = h * D;
        gatherRows(type, tokens, padding, L, D, channel, q);
        gatherRows(type, tokens, padding, L, D, C + channel, k);
        gatherRows(type, tokens, padding, L, D, 2 * C + channel, v);
        gatherRows(FLOAT32, gradients, zeros, L, D, channel, dO);
        window.first = h;
        windowAttentionBackward(window, inner);
        scatterRows(dQ, L, D, outputs, channel);
        scatterRows(dK, L, D, outputs, C + channel);
        scatterRows(dV, L, D, outputs, 2 * C + channel);
      }
    }
  }
}
