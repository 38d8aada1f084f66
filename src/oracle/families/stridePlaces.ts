import { type Axes, type Place, UNKNOWN, ZERO } from '../place.js';
import { unique } from './tileSizes.js';

/** Rows, heads or windows at a stride that is not theirs. */
export function stridePlaces(axes: Axes): Place[] {
  const { B, H, L, D } = axes;
  const size = B * H * L * D;
  const within = (at: number) => (at >= 0 && at < size ? at : UNKNOWN);
  const padded = (n: number) =>
    unique([
      2 ** Math.ceil(Math.log2(n)),
      ...[8, 16, 32, 64, 128].map((tile) => Math.ceil(n / tile) * tile),
      n + 1,
      n - 1,
    ]).filter((stride) => stride !== n);
  return [
    ...(L > 1
      ? padded(D).flatMap((stride) => [
          {
            name: 'row_stride_block',
            text: `with rows ${stride} instead of ${D} elements apart, zeros beyond the last`,
            at: (b: number, h: number, i: number, d: number) => {
              const own = i * stride + d;
              return own < L * D ? (b * H + h) * L * D + own : ZERO;
            },
          },
          {
            name: 'row_stride_block',
            text: `with rows ${stride} instead of ${D} elements apart, the last element beyond it`,
            at: (b: number, h: number, i: number, d: number) =>
              (b * H + h) * L * D + Math.min(i * stride + d, L * D - 1),
          },
          {
            name: 'row_stride_block',
            text: `with rows ${stride} instead of ${D} elements apart, wrapped within the head`,
            at: (b: number, h: number, i: number, d: number) => (b * H + h) * L * D + ((i * stride + d) % (L * D)),
          },
          {
            name: 'row_stride_block',
            text: `with rows ${stride} instead of ${D} elements apart`,
            at: (b: number, h: number, i: number, d: number) => within((b * H + h) * L * D + i * stride + d),
          },
          ...(B * H > 1
            ? [
                {
                  name: 'row_stride_block',
                  text: `with rows ${stride} instead of ${D} elements apart, heads accordingly`,
                  at: (b: number, h: number, i: number, d: number) => within(((b * H + h) * L + i) * stride + d),
                },
              ]
            : []),
        ])
      : []),
    ...(B * H > 1
      ? padded(L).flatMap((stride) => [
          {
            name: 'head_stride_block',
            text: `with heads ${stride} instead of ${L} rows apart`,
            at: (b: number, h: number, i: number, d: number) => within(((b * H + h) * stride + i) * D + d),
          },
          ...(B > 1 && H > 1
            ? [
                {
                  name: 'head_stride_block',
                  text: `with heads ${stride} instead of ${L} rows apart within a window`,
                  at: (b: number, h: number, i: number, d: number) => within((b * H * L + h * stride + i) * D + d),
                },
              ]
            : []),
          ...padded(D)
            .slice(0, 3)
            .map((columns) => ({
              name: 'head_stride_block',
              text: `as if heads were ${stride} by ${columns}`,
              at: (b: number, h: number, i: number, d: number) => within(((b * H + h) * stride + i) * columns + d),
            })),
        ])
      : []),
    ...(B > 1 && H > 1
      ? padded(H)
          .slice(0, 2)
          .map((stride) => ({
            name: 'window_stride_block',
            text: `with windows ${stride} instead of ${H} heads apart`,
            at: (b: number, h: number, i: number, d: number) => within(((b * stride + h) * L + i) * D + d),
          }))
      : []),
    ...(H > 1
      ? [
          {
            name: 'head_stride_row',
            text: 'with heads one row apart',
            at: (b: number, h: number, i: number, d: number) => within((b * H * L + h + i) * D + d),
          },
        ]
      : []),
  ];
}
