import { outerPanel, scorePanel, valuePanel } from '../../build/assembly/tiles';
import { rowsOfPanel, tailLanes } from '../../assembly/lanes';
import { packKeys, packTailKeys } from '../../assembly/packKeys';
import { packValues } from '../../assembly/packValues';
import { scoreTailKeys } from '../../assembly/scoreTailKeys';
import { softmaxBackwardRows } from '../../assembly/softmaxBackwardRows';
import { plainDots, plainProduct, plainTransposedProduct } from './plainProducts';
import { unpackPanels } from '../../assembly/windowAttentionBackward';

/**
 * Backward of standard attention as automatic differentiation does it: P (B, H, L, padded L) is what the forward pass
 * left, dP and dS exist whole beside it, every step is a pass of its own over the batch. Tiles and packing are the fused
 * kernel's, unless `isPlain`.
 *
 * dS: (B, H, L, padded L). dBias: (H, L, padded L), zeroed by the caller. packed: one window's K or V, then 16 floats.
 */
export function standardAttentionBackward(
  isPlain: bool,
  windowHeads: i32,
  H: i32,
  L: i32,
  D: i32,
  q: usize,
  k: usize,
  v: usize,
  p: usize,
  dO: usize,
  dQ: usize,
  dK: usize,
  dV: usize,
  dBias: usize,
  scale: f32,
  dS: usize,
  scratch: usize,
): void {
  const rowBytes = (<usize>D) << 2;
  const windowBytes = <usize>L * rowBytes;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  const sBytes = <usize>L * sStride;
  const packedBytes = (<usize>((L + 7) & ~7) * <usize>((D + 7) & ~7)) << 2;
  const tail = scratch + 64;
  const packed = tail + 4 * rowBytes + 64;

  // dV = Pᵀ dO
  transposedProduct(isPlain, windowHeads, L, D, p, dO, 1, packed, packedBytes, dV);

  // dP = dO Vᵀ
  for (let i: usize = 0; i < <usize>windowHeads; i++) {
    if (isPlain) {
      plainDots(dO + i * windowBytes, v + i * windowBytes, L, D, dS + i * sBytes, sStride);
      continue;
    }
    packKeys(v + i * windowBytes, L, D, 1, packed);
    packTailKeys(v + i * windowBytes, L, D, 1, tail);
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = dO + i * windowBytes + <usize>row * rowBytes;
      const to = dS + i * sBytes + <usize>row * sStride;
      scorePanel(rows, a, rowBytes, packed, D, L, 0, 0, to, sStride);
      scoreTailKeys(rows, a, rowBytes, tail, D, L, 0, 0, to, sStride);
    }
  }

  // dS = P ∘ (dP − rowsum(P ∘ dP))
  for (let at: usize = 0; at < 16; at += 4) store<f32>(scratch + at, 1);
  const allRows = <usize>windowHeads * <usize>L;
  for (let row: usize = 0; row < allRows; row++) {
    softmaxBackwardRows(p + row * sStride, dS + row * sStride, sStride, 1, L, scratch, 0);
  }

  // dBias = Σ dS over the batch
  const lanes = tailLanes(L);
  const last = (<usize>((L - 1) & ~3)) << 2;
  for (let i = 0; i < windowHeads; i++) {
    const sums = dBias + <usize>(i % H) * sBytes;
    const from = dS + <usize>i * sBytes;
    for (let row: usize = 0; row < <usize>L; row++) {
      const at = row * sStride;
      for (let j: usize = 0; j < last; j += 16) {
        v128.store(sums + at + j, f32x4.add(v128.load(sums + at + j), v128.load(from + at + j)));
      }
      const rest = v128.and(lanes, v128.load(from + at + last));
      v128.store(sums + at + last, f32x4.add(v128.load(sums + at + last), rest));
    }
  }

  // dQ = scale · dS K
  for (let at: usize = 0; at < 16; at += 4) store<f32>(scratch + at, scale);
  for (let i: usize = 0; i < <usize>windowHeads; i++) {
    if (isPlain) {
      plainProduct(dS + i * sBytes, sStride, k + i * windowBytes, L, D, scale, dQ + i * windowBytes);
      continue;
    }
    packValues(k + i * windowBytes, L, D, packed);
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = dS + i * sBytes + <usize>row * sStride;
      valuePanel(rows, a, sStride, packed, L, D, scratch, dQ + i * windowBytes + <usize>row * rowBytes, rowBytes);
    }
  }

  // dK = scale · dSᵀ Q
  transposedProduct(isPlain, windowHeads, L, D, dS, q, scale, packed, packedBytes, dK);
}

/** `to = factor · Mᵀ X` for every window and head. */
function transposedProduct(
  isPlain: bool,
  windowHeads: i32,
  L: i32,
  D: i32,
  m: usize,
  x: usize,
  factor: f32,
  packed: usize,
  packedBytes: usize,
  to: usize,
): void {
  const rowBytes = (<usize>D) << 2;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  for (let i = 0; i < windowHeads; i++) {
    if (isPlain) plainTransposedProduct(m, sStride, x, L, D, factor, to);
    else {
      memory.fill(packed, 0, packedBytes);
      let rows = 0;
      for (let row = 0; row < L; row += rows) {
        rows = rowsOfPanel(L - row);
        outerPanel(rows, m + <usize>row * sStride, sStride, x + <usize>row * rowBytes, rowBytes, L, D, packed);
      }
      unpackPanels(packed, L, D, factor, to);
    }
    m += <usize>L * sStride;
    x += <usize>L * rowBytes;
    to += <usize>L * rowBytes;
  }
}
