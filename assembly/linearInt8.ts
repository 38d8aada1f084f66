import { linearInt8Panel1, linearInt8Panel4 } from '../build/assembly/linearTiles';
import { INT8_CHUNK_DIM, LinearInt8Record } from '../build/assembly/records';
import { exactGeluRows } from './gelu';
import { normalizeRows } from './layerNorm';
import { quantizeRow, quantizedStride } from './quantizeRow';

/** Bytes of a chunk of a panel as int16. Products of a chunk, 127 · 16383 each at most, sum exactly in int32. */
const PANEL_BYTES: usize = 16 * INT8_CHUNK_DIM;

/** Bytes of scratch that `linearInt8` needs; f64 cannot overflow. */
export function linearInt8Scratch(rows: i32, inputs: i32): f64 {
  return <f64>PANEL_BYTES + 4 * <f64>inputs + <f64>rows * (4 + 2 * (<f64>inputs + 8)) + 128;
}

/**
 * `linear` with int8 weights: Y = xScale · wScale · (norm(X) / xScale) Wᵀ + bias + residual, gelu of it where `isGelu`.
 * Rows become int16 with a scale each (`quantizeRow`); sums of a chunk of the inputs are exact, sums of these float32. Bit
 * by bit what src/reference/linearInt8.ts computes.
 */
export function linearInt8(args: LinearInt8Record, scratch: usize): void {
  const rows = args.rows;
  const inputs = args.inputs;
  const outputs = args.outputs;
  const firstPanel = args.firstPanel;
  const panels = args.panels;
  const x = args.x;
  const weights = args.weights;
  const scales = args.scales;
  const bias = args.bias;
  const residual = args.residual;
  const o = args.o;
  const pairs = (inputs + 1) >> 1;
  const aStride = quantizedStride(inputs);
  const oStride = (<usize>outputs) << 2;
  const firstByte = (<usize>firstPanel) << 5;
  const wide = scratch;
  const normed = wide + PANEL_BYTES;
  const xScales = (normed + ((<usize>inputs) << 2) + 31) & ~15;
  const a = (xScales + ((<usize>rows) << 2) + 15) & ~15;
  for (let i = 0; i < rows; i++) {
    let row = x + ((<usize>i * <usize>inputs) << 2);
    if (args.normWeight) {
      normalizeRows(1, inputs, row, args.normWeight, args.normBias, args.eps, 0, normed);
      row = normed;
    }
    store<f32>(xScales + ((<usize>i) << 2), quantizeRow(row, inputs, a + <usize>i * aStride));
  }
  const done = <usize>(rows & ~3);
  for (let first = 0; first < pairs; first += INT8_CHUNK_DIM >> 1) {
    const depth = min(pairs - first, INT8_CHUNK_DIM >> 1);
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
  if (args.isGelu) exactGeluRows(o + firstByte, oStride, rows, min(panels << 3, outputs - (firstPanel << 3)));
}

/** `pairs` × 16 int8 → int16: once for all rows, so that tiles load what they multiply. */
function widenPanel(from: usize, pairs: i32, to: usize): void {
  for (; pairs > 0; pairs--, from += 16, to += 32) {
    v128.store(to, v128.load8x8_s(from));
    v128.store(to, v128.load8x8_s(from, 8), 16);
  }
}
