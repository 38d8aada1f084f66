import { linearInt8Panel1, linearInt8Panel4 } from '../build/assembly/linearTiles';
import { geluRows } from './gelu';
import { quantizeRow, quantizedStride } from './quantizeRow';

/** Inputs whose products sum exactly in int32, 127 · 16383 each at most, and whose widened panel, 8 KiB, stays in L1. */
const CHUNK_DIM: i32 = 512;
/** Bytes of a widened panel of `CHUNK_DIM` inputs. */
const PANEL_BYTES: usize = 16 * 512;

/** Bytes of scratch that `linearInt8` needs; f64 cannot overflow. */
export function linearInt8Scratch(rows: i32, inputs: i32): f64 {
  return <f64>PANEL_BYTES + <f64>rows * (4 + 2 * (<f64>inputs + 8)) + 64;
}

/**
 * `linear` with int8 weights: Y = xScale · wScale · (X / xScale) Wᵀ + bias + residual, gelu of it where `isGelu`. Rows
 * become int16 with a scale each (`quantizeRow`); sums of 512 inputs are exact, sums of these float32. Bit by bit what
 * src/reference/linearInt8.ts computes.
 *
 * weights: packed by `packLinearInt8`. scales: (outputs padded to 8). The rest as in `linear`.
 */
export function linearInt8(
  rows: i32,
  inputs: i32,
  outputs: i32,
  firstPanel: i32,
  panels: i32,
  x: usize,
  weights: usize,
  scales: usize,
  bias: usize,
  isGelu: i32,
  residual: usize,
  o: usize,
  scratch: usize,
): void {
  const pairs = (inputs + 1) >> 1;
  const aStride = quantizedStride(inputs);
  const oStride = (<usize>outputs) << 2;
  const firstByte = (<usize>firstPanel) << 5;
  const wide = scratch;
  const xScales = wide + PANEL_BYTES;
  const a = (xScales + ((<usize>rows) << 2) + 15) & ~15;
  for (let i = 0; i < rows; i++) {
    const row = x + ((<usize>i * <usize>inputs) << 2);
    store<f32>(xScales + ((<usize>i) << 2), quantizeRow(row, inputs, a + <usize>i * aStride));
  }
  const done = <usize>(rows & ~3);
  for (let first = 0; first < pairs; first += CHUNK_DIM >> 1) {
    const depth = min(pairs - first, CHUNK_DIM >> 1);
    // A chunk's sums wait in Y for those of the next; bias and residual join the first, so that Y may be the residual.
    const addedTo = first == 0 ? residual : o;
    for (let p = firstPanel; p < firstPanel + panels; p++) {
      const column = (<usize>p) << 5;
      widenPanel(weights + ((<usize>p * <usize>pairs + <usize>first) << 4), depth, wide);
      const panelBias = first == 0 && bias ? bias + column : 0;
      const left = outputs - (p << 3);
      const chunk = a + ((<usize>first) << 2);
      const y = o + column;
      const added = addedTo ? addedTo + column : 0;
      const wScales = scales + column;
      linearInt8Panel4(rows >> 2, chunk, aStride, xScales, wide, depth, wScales, panelBias, added, left, y, oStride);
      linearInt8Panel1(
        rows & 3,
        chunk + done * aStride,
        aStride,
        xScales + (done << 2),
        wide,
        depth,
        wScales,
        panelBias,
        added ? added + done * oStride : 0,
        left,
        y + done * oStride,
        oStride,
      );
    }
  }
  if (isGelu) geluRows(o + firstByte, oStride, rows, min(panels << 3, outputs - (firstPanel << 3)));
}

/** `pairs` × 16 int8 → int16: once for all rows, so that tiles load what they multiply. */
function widenPanel(from: usize, pairs: i32, to: usize): void {
  for (; pairs > 0; pairs--, from += 16, to += 32) {
    v128.store(to, v128.load8x8_s(from));
    v128.store(to, v128.load8x8_s(from, 8), 16);
  }
}
