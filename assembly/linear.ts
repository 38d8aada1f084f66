import { linearPanel1, linearPanel4 } from '../build/assembly/linearTiles';
import { LINEAR_CHUNK_DIM, LinearRecord } from '../build/assembly/records';
import { geluRows } from './gelu';
import { normalizeRows } from './layerNorm';

/** Bytes of scratch that `linear` needs with a layer norm before it; f64 cannot overflow. */
export function linearScratch(rows: i32, inputs: i32): f64 {
  return 4 * <f64>rows * <f64>inputs + 64;
}

/**
 * Y (rows, outputs) = norm(X (rows, inputs)) Wᵀ + bias + residual, gelu of it where `isGelu`; of Y, the columns of `panels`
 * panels of 8 from `firstPanel` on.
 * Source: PyTorch, `F.linear`.
 */
export function linear(args: LinearRecord, scratch: usize): void {
  const rows = args.rows;
  const inputs = args.inputs;
  const outputs = args.outputs;
  const firstPanel = args.firstPanel;
  const panels = args.panels;
  const weights = args.weights;
  const bias = args.bias;
  const residual = args.residual;
  const o = args.o;
  let x = args.x;
  const xStride = (<usize>inputs) << 2;
  const oStride = (<usize>outputs) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const firstByte = (<usize>firstPanel) << 5;
  if (args.normWeight) {
    normalizeRows(rows, inputs, x, args.normWeight, args.normBias, args.eps, 0, scratch);
    x = scratch;
  }
  for (let first = 0; first < inputs; first += LINEAR_CHUNK_DIM) {
    const depth = min(inputs - first, LINEAR_CHUNK_DIM);
    // A chunk's sums wait in Y for those of the next; bias and residual join the first, so that Y may be the residual.
    const addedTo = first == 0 ? residual : o;
    for (let p = firstPanel; p < firstPanel + panels; p++) {
      const column = (<usize>p) << 5;
      const panel = weights + <usize>p * panelBytes + ((<usize>first) << 5);
      const panelBias = first == 0 && bias ? bias + column : 0;
      const left = outputs - (p << 3);
      const a = x + ((<usize>first) << 2);
      const y = o + column;
      const added = addedTo ? addedTo + column : 0;
      linearPanel4(rows >> 2, a, xStride, panel, depth, panelBias, added, left, y, oStride);
      const done = <usize>(rows & ~3);
      const lastAdded = added ? added + done * oStride : 0;
      linearPanel1(
        rows & 3,
        a + done * xStride,
        xStride,
        panel,
        depth,
        panelBias,
        lastAdded,
        left,
        y + done * oStride,
        oStride,
      );
    }
  }
  if (args.isGelu) geluRows(o + firstByte, oStride, rows, min(panels << 3, outputs - (firstPanel << 3)));
}

/** W (outputs, inputs) → panels of 8 outputs `[panel][inputs][8]`, of which `rows` ≤ 8 rows from one panel on. */
export function packLinear(weights: usize, rows: i32, inputs: i32, to: usize): void {
  const rowBytes = (<usize>inputs) << 2;
  for (let j = 0; j < 8; j++, weights += rowBytes) {
    let at = to + ((<usize>j) << 2);
    for (let i: usize = 0; i < rowBytes; i += 4, at += 32) store<f32>(at, j < rows ? load<f32>(weights + i) : 0);
  }
}
