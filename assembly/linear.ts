import { linearPanel1, linearPanel4 } from '../build/assembly/linearTiles';
import { FLOAT32, LINEAR_CHUNK_DIM, LinearRecord } from '../build/assembly/records';
import { geluRows } from './gelu';
import { elementBytes, widenHalf } from './half';
import { normalizeRows } from './layerNorm';

/** Bytes of a chunk of a panel as float32. */
const PANEL_BYTES: usize = 32 * LINEAR_CHUNK_DIM;

/** Bytes of scratch that `linear` needs with a layer norm before it, of no rows for half precision; f64 cannot overflow. */
export function linearScratch(rows: i32, inputs: i32): f64 {
  return <f64>PANEL_BYTES + 4 * <f64>rows * <f64>inputs + 64;
}

/**
 * Y (rows, outputs) = norm(X (rows, inputs)) Wᵀ + bias + residual, gelu of it where `isGelu`; of Y, the columns of `panels`
 * panels of 8 from `firstPanel` on. Weights in half precision are widened panel by panel as they are used.
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
  const weightType = args.weightType;
  const columnBytes = elementBytes(weightType) << 3;
  const panelBytes = <usize>inputs * columnBytes;
  const firstByte = (<usize>firstPanel) << 5;
  if (args.normWeight) {
    const normed = scratch + PANEL_BYTES;
    normalizeRows(rows, inputs, x, args.normWeight, args.normBias, args.eps, 0, normed);
    x = normed;
  }
  for (let first = 0; first < inputs; first += LINEAR_CHUNK_DIM) {
    const depth = min(inputs - first, LINEAR_CHUNK_DIM);
    // A chunk's sums wait in Y for those of the next; bias and residual join the first, so that Y may be the residual.
    const addedTo = first == 0 ? residual : o;
    for (let p = firstPanel; p < firstPanel + panels; p++) {
      const column = (<usize>p) << 5;
      let panel = weights + <usize>p * panelBytes + <usize>first * columnBytes;
      if (weightType != FLOAT32) {
        widenHalf(weightType, panel, scratch, depth << 3);
        panel = scratch;
      }
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
