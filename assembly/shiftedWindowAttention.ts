import { FLOAT32, ShiftedWindowAttentionRecord, SLACK, WindowAttentionRecord } from '../build/assembly/records';
import { elementBytes, widenHalf } from './half';
import { storePartial } from './lanes';
import { windowAttention, windowAttentionScratch } from './windowAttention';

/** What the mask adds to the scores of two tokens of different regions (Microsoft, `attn_mask`). */
const MASKED: f32 = -100;

/** Bytes of scratch that `shiftedWindowAttention` needs; f64 cannot overflow. */
export function shiftedWindowAttentionScratch(L: i32, D: i32): f64 {
  return 4 * (windowMatrix(L, D) * 4 + <f64>L * <f64>L + 3 * <f64>L) + 9 * <f64>SLACK + windowAttentionScratch(L, D);
}

/** Floats of a matrix (L, D) and of what may be written behind it. */
// @ts-ignore: decorator
@inline
function windowMatrix(L: i32, D: i32): f64 {
  return <f64>L * <f64>D + 8;
}

/**
 * Shifted-window attention over `bands` horizontal bands of windows: the windows' q, k and v are gathered from rows of
 * the image `[…, Wimg, 3C]`, C = H · D, one head at a time, and their outputs scattered to rows `[…, Wimg, C]`.
 *
 * rows: for each band Wh pairs of pointers, the row of qkv and the row of the output that each line of its windows is.
 * The `heads` from `firstHead` on are computed.
 * Source: torchvision, `shifted_window_attention` between its two Linear layers.
 */
export function shiftedWindowAttention(args: ShiftedWindowAttentionRecord, scratch: usize): void {
  const bands = args.bands;
  const splits = args.splits;
  const type = args.type;
  const padding = args.padding;
  const windows = args.windows;
  const columns = args.columns;
  const splitX = args.splitX;
  const Wh = args.Wh;
  const Ww = args.Ww;
  const firstHead = args.firstHead;
  const heads = args.heads;
  const H = args.H;
  const D = args.D;
  let rows = args.rows;
  const L = Wh * Ww;
  const C = H * D;
  const tokenBytes = <usize>(3 * C) * elementBytes(type);
  const matrixBytes = (<usize>windowMatrix(L, D)) << 2;
  const tokens = scratch;
  const outputs = tokens + ((<usize>L) << 2);
  const regions = outputs + ((<usize>L) << 2);
  const q = regions + ((<usize>L) << 2) + SLACK;
  const k = q + matrixBytes;
  const v = k + matrixBytes;
  const o = v + matrixBytes;
  const mask = o + matrixBytes + SLACK;
  const window = changetype<WindowAttentionRecord>(mask + ((<usize>L * <usize>L) << 2) + SLACK);
  const inner = changetype<usize>(window) + SLACK;
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
  window.o = o;
  window.lse = 0;

  for (let band = 0; band < bands; band++, rows += (<usize>Wh) << 3) {
    const split = load<i32>(splits + (band << 2));
    for (let w = 0; w < windows; w++) {
      const first = columns + ((<usize>w * <usize>Ww) << 2);
      const splitOfWindow = w == windows - 1 ? splitX : Ww;
      locateTokens(rows, 8, tokenBytes, padding, first, Wh, Ww, tokens);
      locateTokens(rows + 4, 8, (<usize>C) << 2, 0, first, Wh, Ww, outputs);
      const isCrossed = split < Wh || splitOfWindow < Ww;
      if (isCrossed) fillMask(Wh, Ww, split, splitOfWindow, regions, mask);
      window.mask = isCrossed ? mask : 0;
      for (let h = firstHead; h < firstHead + heads; h++) {
        gatherRows(type, tokens, padding, L, D, h * D, q);
        gatherRows(type, tokens, padding, L, D, C + h * D, k);
        gatherRows(type, tokens, padding, L, D, 2 * C + h * D, v);
        window.first = h;
        windowAttention(window, inner);
        scatterRows(o, L, D, outputs, h * D);
      }
    }
  }
}

/**
 * Pointers to a window's tokens in one image: `lines` holds the pointer to each of its Wh lines, 0 for padding, every
 * `lineStride` bytes; `columns` its Ww tokens of a line, −1 for padding. A token outside the image gets `padding`.
 */
export function locateTokens(
  lines: usize,
  lineStride: usize,
  tokenBytes: usize,
  padding: usize,
  columns: usize,
  Wh: i32,
  Ww: i32,
  tokens: usize,
): void {
  for (let y = 0; y < Wh; y++, lines += lineStride) {
    const line = load<usize>(lines);
    for (let x = 0; x < Ww; x++, tokens += 4) {
      const at = load<i32>(columns + (x << 2));
      store<usize>(tokens, line == 0 || at < 0 ? padding : line + <usize>at * tokenBytes);
    }
  }
}

/** The shift mask of one window: `mask` (L, L), 0 within a region and −100 between two. */
export function fillMask(Wh: i32, Ww: i32, splitY: i32, splitX: i32, regions: usize, mask: usize): void {
  const L = Wh * Ww;
  for (let i = 0; i < L; i++) {
    store<i32>(regions + (i << 2), (i / Ww >= splitY ? 2 : 0) + (i % Ww >= splitX ? 1 : 0));
  }
  for (let i = 0; i < L; i++) {
    const region = v128.load32_splat(regions + (i << 2));
    // The overhang of a row is rewritten by the next one.
    for (let j = 0; j < L; j += 4) {
      const isOther = i32x4.ne(region, v128.load(regions + (j << 2)));
      v128.store(mask + (j << 2), v128.and(isOther, f32x4.splat(MASKED)));
    }
    mask += (<usize>L) << 2;
  }
}

/** `to` (L, D) = D channels from `channel` on of every token; `padding` is float32 whatever `type` the others have. */
export function gatherRows(type: i32, tokens: usize, padding: usize, L: i32, D: i32, channel: i32, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  for (let i = 0; i < L; i++, tokens += 4, to += rowBytes) {
    const token = load<usize>(tokens);
    if (type == FLOAT32 || token == padding) {
      const from = token + ((<usize>channel) << 2);
      for (let at: usize = 0; at < rowBytes; at += 16) v128.store(to + at, v128.load(from + at));
    } else {
      widenHalf(type, token + ((<usize>channel) << 1), to, D);
    }
  }
}

/** Writes the rows of x (L, D) to D channels from `channel` on of each token's output, where it has one. */
export function scatterRows(x: usize, L: i32, D: i32, outputs: usize, channel: i32): void {
  const rowBytes = (<usize>D) << 2;
  const whole = (<usize>(D & ~7)) << 2;
  for (let i = 0; i < L; i++, outputs += 4, x += rowBytes) {
    const output = load<usize>(outputs);
    if (output == 0) continue;
    const to = output + ((<usize>channel) << 2);
    for (let at: usize = 0; at < whole; at += 32) {
      v128.store(to + at, v128.load(x + at));
      v128.store(to + at, v128.load(x + at, 16), 16);
    }
    if (D & 7) storePartial(to + whole, v128.load(x + whole), v128.load(x + whole, 16), D & 7);
  }
}
