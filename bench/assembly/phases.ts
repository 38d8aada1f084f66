import { scorePanel, valuePanel } from '../../build/assembly/tiles';
import { rowsOfPanel } from '../../assembly/lanes';
import { packKeys, packTailKeys } from '../../assembly/packKeys';
import { packValues } from '../../assembly/packValues';
import { scoreTailKeys } from '../../assembly/scoreTailKeys';
import { softmaxRows } from '../../assembly/softmaxRows';

// The phases of the forward kernel, each repeated for one window of one head, whose arrays then sit in the cache.

export function packPhase(
  count: i32,
  L: i32,
  D: i32,
  k: usize,
  v: usize,
  keys: usize,
  tail: usize,
  values: usize,
): void {
  for (let i = 0; i < count; i++) {
    packKeys(k, L, D, 0.5, keys);
    packTailKeys(k, L, D, 0.5, tail);
    packValues(v, L, D, values);
  }
}

export function scorePhase(
  count: i32,
  L: i32,
  D: i32,
  q: usize,
  keys: usize,
  tail: usize,
  bias: usize,
  s: usize,
): void {
  const rowBytes = (<usize>D) << 2;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  for (let i = 0; i < count; i++) {
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = q + <usize>row * rowBytes;
      const biasRows = bias + ((<usize>row * <usize>L) << 2);
      scorePanel(rows, a, rowBytes, keys, D, L, biasRows, 0, s, sStride);
      scoreTailKeys(rows, a, rowBytes, tail, D, L, biasRows, 0, s, sStride);
    }
  }
}

/** Softmax over and over of the same panel: its values change, its cost does not. */
export function softmaxPhase(count: i32, L: i32, s: usize, inverse: usize): void {
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  for (let i = 0; i < count; i++) {
    for (let row = 0; row < L; row += 4) softmaxRows(s, sStride, min(4, L - row), L, 0, inverse, 0);
  }
}

export function valuePhase(count: i32, L: i32, D: i32, s: usize, values: usize, inverse: usize, o: usize): void {
  const rowBytes = (<usize>D) << 2;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  for (let i = 0; i < count; i++) {
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      valuePanel(rows, s, sStride, values, L, D, inverse, o + <usize>row * rowBytes, rowBytes);
    }
  }
}
