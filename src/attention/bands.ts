import type { CheckedShiftedWindowArgs, WindowGrid } from '../arguments/shiftedWindowArgs.js';

/** The coordinate along an axis of `size` tokens that a token after padding and cyclic shift is; undefined for padding. */
function tokenAt(grid: WindowGrid, axis: 0 | 1, size: number, at: number): number | undefined {
  const shift = grid.shiftSize[axis];
  if (grid.rollBeforePadding) return at < size ? (at + shift) % size : undefined;
  const token = (at + shift) % (axis === 0 ? grid.paddedHeight : grid.paddedWidth);
  return token < size ? token : undefined;
}

/** Bands of windows across all images. */
export function bandCount({ B, grid }: CheckedShiftedWindowArgs): number {
  return B * (grid.paddedHeight / grid.windowSize[0]);
}

/** For each line of `count` bands from `first` on, the line of `[B · Himg]` that it is; undefined for padding. */
export function linesOfBands(args: CheckedShiftedWindowArgs, first: number, count: number): (number | undefined)[] {
  const { grid, Himg } = args;
  const [Wh] = grid.windowSize;
  const perImage = grid.paddedHeight / Wh;
  return Array.from({ length: count * Wh }, (_, i) => {
    const band = first + Math.floor(i / Wh);
    const y = tokenAt(grid, 0, Himg, (band % perImage) * Wh + (i % Wh));
    return y === undefined ? undefined : Math.floor(band / perImage) * Himg + y;
  });
}

/** For each band, the first of its lines that the cyclic shift wrapped round; the number of lines for none. */
export function splitsOfBands({ grid }: CheckedShiftedWindowArgs, first: number, count: number): number[] {
  const { windowSize, shiftSize, paddedHeight } = grid;
  const [Wh] = windowSize;
  const perImage = paddedHeight / Wh;
  return Array.from({ length: count }, (_, i) => {
    const isLast = (first + i + 1) % perImage === 0;
    return isLast && shiftSize[0] > 0 ? Wh - shiftSize[0] : Wh;
  });
}

/** For each token of a band's lines, the token of the image line that it is; −1 for padding. */
export function columnsOfBand({ grid, Wimg }: CheckedShiftedWindowArgs): Int32Array {
  return Int32Array.from({ length: grid.paddedWidth }, (_, x) => tokenAt(grid, 1, Wimg, x) ?? -1);
}
