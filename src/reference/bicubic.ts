/** PyTorch's constant of the cubic kernel. */
const A = -0.75;

/**
 * Resizes channels of `[fromH, fromW]` to `[toH, toW]`, `values` and the result `[rows, columns, channels]`, float64.
 * Source: PyTorch, `F.interpolate(mode='bicubic', align_corners=False)`: coordinates by half pixels, edges repeated.
 */
export function bicubic(
  values: Float64Array,
  [fromH, fromW]: readonly [number, number],
  [toH, toW]: readonly [number, number],
  channels: number,
): Float64Array {
  const rows = taps(fromH, toH);
  const columns = taps(fromW, toW);
  const resized = new Float64Array(toH * toW * channels);
  for (let y = 0; y < toH; y++) {
    for (let x = 0; x < toW; x++) {
      const to = (y * toW + x) * channels;
      for (const [row, wy] of rows[y] as Tap[]) {
        for (const [column, wx] of columns[x] as Tap[]) {
          const from = (row * fromW + column) * channels;
          for (let c = 0; c < channels; c++) {
            resized[to + c] = (resized[to + c] as number) + wy * wx * (values[from + c] as number);
          }
        }
      }
    }
  }
  return resized;
}

/** An input coordinate and its weight. */
type Tap = readonly [number, number];

/** The four inputs of each output along one axis. */
function taps(from: number, to: number): Tap[][] {
  return Array.from({ length: to }, (_, i) => {
    const at = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(at) - 1;
    return [0, 1, 2, 3].map((k) => {
      const index = Math.min(from - 1, Math.max(0, first + k));
      return [index, cubic(Math.abs(at - (first + k)))] as const;
    });
  });
}

function cubic(x: number): number {
  if (x <= 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  return ((x - 5) * x + 8) * x * A - 4 * A;
}
