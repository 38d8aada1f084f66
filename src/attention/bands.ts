import type { CheckedShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';

/** Bands of windows across all images. */
export function bandCount({ B, grid }: CheckedShiftedWindowArgs): number {
  return B * (grid.paddedHeight / grid.windowSize[0]);
}

/** For each line of `count` bands from `first` on, the line of `[B · Himg]` that it is; undefined for padding. */
export function linesOfBands(args: CheckedShiftedWindowArgs, first: number, count: number): (number | undefined)[] {
  const { windowSize, shiftSize, paddedHeight } = args.grid;
  const [Wh] = windowSize;
  const perImage = paddedHeight / Wh;
  return Array.from({ length: count * Wh }, (_, i) => {
    const band = first + Math.floor(i / Wh);
    const y = ((band % perImage) * Wh + (i % Wh) + shiftSize[0]) % paddedHeight;
    return y < args.Himg ? Math.floor(band / perImage) * args.Himg + y : undefined;
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
