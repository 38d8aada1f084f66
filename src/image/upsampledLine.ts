import type { JpegComponent } from '#codecs';

/**
 * Writes line `y` of a component at the image's size, interpolated where it has half the columns or rows, or both;
 * other ratios repeat samples. Source: libjpeg-turbo, `jdsample.c`: `h2v1_fancy_upsample`, `h1v2_fancy_upsample`,
 * `h2v2_fancy_upsample`, `int_upsample`.
 */
export function upsampledLine(
  { lines, scaleX, scaleY }: JpegComponent,
  y: number,
  width: number,
  height: number,
  to: Uint8Array,
): void {
  const columns = Math.ceil(width * scaleX);
  const rows = Math.ceil(height * scaleY);
  // Images of two columns or fewer are not interpolated.
  const isWide = scaleX === 0.5 && columns > 2;
  const near = lines[Math.floor(y * scaleY)] as Uint8Array;
  const isTall = scaleY === 0.5 && (isWide || scaleX === 1);
  if (!isWide && !isTall) {
    for (let x = 0; x < width; x++) to[x] = near[Math.floor(x * scaleX)] as number;
    return;
  }
  // The line above an upper half, or below a lower one; the outermost lines are their own neighbours.
  const neighbour = Math.min(rows - 1, Math.max(0, (y >> 1) + (y % 2 === 0 ? -1 : 1)));
  const far = isTall ? (lines[neighbour] as Uint8Array) : near;
  /** A column over both lines, times 4 where there are two. */
  const column = (x: number) => {
    return isTall ? 3 * (near[x] as number) + (far[x] as number) : (near[x] as number);
  };
  if (!isWide) {
    const bias = y % 2 === 0 ? 1 : 2;
    for (let x = 0; x < width; x++) to[x] = (column(x) + bias) >> 2;
    return;
  }
  const [shift, even, odd] = isTall ? ([4, 8, 7] as const) : ([2, 1, 2] as const);
  for (let x = 0; x < width; x++) {
    const own = x >> 1;
    const beside = x % 2 === 0 ? own - 1 : own + 1;
    const isEdge = beside < 0 || beside >= columns;
    if (isEdge && !isTall) to[x] = near[own] as number;
    else to[x] = (3 * column(own) + column(isEdge ? own : beside) + (x % 2 === 0 ? even : odd)) >> shift;
  }
}
