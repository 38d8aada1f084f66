import { linearPanel1, linearPanel4 } from '../build/assembly/linearTiles';
import { geluRows } from './gelu';
import { layerNorm } from './layerNorm';

/** Inputs whose share of a panel of weights, 16 KiB, stays in L1 while rows stream past it. */
const CHUNK_DIM: i32 = 512;

/** Bytes of scratch that `linear` needs with a layer norm before it; f64 cannot overflow. */
export function linearScratch(rows: i32, inputs: i32): f64 {
  return 4 * <f64>rows * <f64>inputs + 64;
}

/**
 * Y (rows, outputs) = norm(X (rows, inputs)) Wᵀ + bias + residual, gelu of it where `isGelu`; of Y, the columns of `panels`
 * panels of 8 from `firstPanel` on.
 *
 * normWeight, normBias: (inputs) of a layer norm of X's rows, or 0. weights: packed by `packLinear`. bias: (outputs
 * padded to 8) or 0. residual: (rows, outputs) or 0; it may be Y. Source: PyTorch, `F.linear`.
 */
export function linear(
  rows: i32,
  inputs: i32,
  outputs: i32,
  firstPanel: i32,
  panels: i32,
  x: usize,
  normWeight: usize,
  normBias: usize,
  eps: f32,
  weights: usize,
  bias: usize,
  isGelu: i32,
  residual: usize,
  o: usize,
  scratch: usize,
): void {
  const xStride = (<usize>inputs) << 2;
  const oStride = (<usize>outputs) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const firstByte = (<usize>firstPanel) << 5;
  if (normWeight) {
    layerNorm(rows, inputs, x, normWeight, normBias, eps, 0, scratch, 0);
    x = scratch;
  }
  for (let first = 0; first < inputs; first += CHUNK_DIM) {
    const depth = min(inputs - first, CHUNK_DIM);
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
  if (isGelu) geluRows(o + firstByte, oStride, rows, min(panels << 3, outputs - (firstPanel << 3)));
}

/** W (outputs, inputs) → panels of 8 outputs `[panel][inputs][8]`, of which `rows` ≤ 8 rows from one panel on. */
export function packLinear(weights: usize, rows: i32, inputs: i32, to: usize): void {
  const rowBytes = (<usize>inputs) << 2;
  for (let j = 0; j < 8; j++, weights += rowBytes) {
    let at = to + ((<usize>j) << 2);
    for (let i: usize = 0; i < rowBytes; i += 4, at += 32) store<f32>(at, j < rows ? load<f32>(weights + i) : 0);
  }
}
