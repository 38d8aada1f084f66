import { elementBytes, FLOAT32, widenHalf } from './half';
import { storePartial } from './lanes';
import { SLACK, windowAttention, windowAttentionScratch } from './windowAttention';

/** What the mask adds to the scores of two tokens of different regions (Microsoft, `attn_mask`). */
const MASKED: f32 = -100;

/** Bytes of scratch that `shiftedWindowAttention` needs; f64 cannot overflow. */
export function shiftedWindowAttentionScratch(L: i32, D: i32): f64 {
  return 4 * (windowMatrix(L, D) * 4 + <f64>L * <f64>L + 3 * <f64>L) + 8 * <f64>SLACK + windowAttentionScratch(L, D);
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
 * rows: for each band Wh pairs of pointers, the row of qkv and the row of the output that each line of its windows is, 0
 * for padding. splits: for each band the first of its lines that the cyclic shift wrapped round, Wh for none.
 * columns: for each of the windows × Ww tokens of a band's lines, the token of the image line that it is, −1 for padding.
 * splitX: the first token of a band's last window that the shift wrapped round, Ww for none.
 * type: of qkv's elements. padding: q|k|v of a padded token, (3C), float32. bias: (H, L, L) or 0.
 * The `heads` from `firstHead` on are computed.
 * Source: torchvision, `shifted_window_attention` between its two Linear layers.
 */
export function shiftedWindowAttention(
  bands: i32,
  rows: usize,
  splits: usize,
  type: i32,
  padding: usize,
  windows: i32,
  columns: usize,
  splitX: i32,
  Wh: i32,
  Ww: i32,
  firstHead: i32,
  heads: i32,
  H: i32,
  D: i32,
  bias: usize,
  scale: f32,
  logitFactors: usize,
  scratch: usize,
): void {
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
  const inner = mask + ((<usize>L * <usize>L) << 2) + SLACK;

  for (let band = 0; band < bands; band++, rows += (<usize>Wh) << 3) {
    const split = load<i32>(splits + (band << 2));
    for (let window = 0; window < windows; window++) {
      const first = columns + ((<usize>window * <usize>Ww) << 2);
      locateTokens(rows, 8, tokenBytes, padding, first, Wh, Ww, tokens);
      locateTokens(rows + 4, 8, (<usize>C) << 2, 0, first, Wh, Ww, outputs);
      const splitOfWindow = window == windows - 1 ? splitX : Ww;
      const isCrossed = split < Wh || splitOfWindow < Ww;
      if (isCrossed) fillMask(Wh, Ww, split, splitOfWindow, regions, mask);
      for (let h = firstHead; h < firstHead + heads; h++) {
        gatherRows(type, tokens, padding, L, D, h * D, q);
        gatherRows(type, tokens, padding, L, D, C + h * D, k);
        gatherRows(type, tokens, padding, L, D, 2 * C + h * D, v);
        windowAttention(1, h, H, L, D, 1, q, k, v, bias, isCrossed ? mask : 0, o, 0, scale, logitFactors, inner);
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
