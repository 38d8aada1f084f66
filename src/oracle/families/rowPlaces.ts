import { type Axes, indexer, type Place, UNKNOWN, ZERO } from '../place.js';
import { TILES } from './tileSizes.js';

export function rowPlaces(axes: Axes): Place[] {
  const { L } = axes;
  if (L < 2) return [];
  const right = indexer(axes);
  const size = axes.B * axes.H * L;
  const place = (name: string, text: string, of: (i: number) => number): Place => ({
    name,
    text,
    at: (b, h, i, d) => {
      const row = of(i);
      return row === ZERO ? ZERO : right(b, h, row, d);
    },
  });
  const flat = (name: string, text: string, step: number): Place => ({
    name,
    text,
    at: (b, h, i, d) => {
      const row = (b * axes.H + h) * L + i + step;
      return row < 0 || row >= size ? UNKNOWN : row * axes.D + d;
    },
  });
  const side = Math.round(Math.sqrt(L));
  const isSquare = side > 1 && side * side === L;
  const tiles = TILES.filter((tile) => tile < L);
  return [
    place('rows_shifted', 'one row further, the last one wrapped', (i) => (i + 1) % L),
    place('rows_shifted', 'one row before, the first one wrapped', (i) => (i + L - 1) % L),
    place('rows_shifted', 'one row further, the last one twice', (i) => Math.min(i + 1, L - 1)),
    place('rows_shifted', 'one row before, the first one twice', (i) => Math.max(i - 1, 0)),
    place('rows_shifted', 'one row further, zeros after the last', (i) => (i + 1 < L ? i + 1 : ZERO)),
    place('rows_shifted', 'one row before, zeros before the first', (i) => (i > 0 ? i - 1 : ZERO)),
    flat('rows_shifted', 'one row further, into the next head', 1),
    flat('rows_shifted', 'one row before, from the head before', -1),
    place('row_0_repeated', 'from row 0 for all', () => 0),
    place('last_row_repeated', 'from the last row for all', () => L - 1),
    place('rows_reversed', 'with the rows in reverse order', (i) => L - 1 - i),
    place('rows_swapped', 'with neighbouring rows swapped', (i) => ((i ^ 1) < L ? i ^ 1 : i)),
    place('rows_doubled', 'with every other row twice', (i) => i - (i % 2)),
    ...tiles.flatMap((tile) => [
      place('row_tile_not_advanced', `from the first ${tile} rows for every tile`, (i) => i % tile),
      place('row_tile_stays_behind', `one tile of ${tile} rows late`, (i) => (i < tile ? i : i - tile)),
      place('last_row_tile_dropped', `with zeros behind the last whole tile of ${tile} rows`, (i) =>
        i < Math.floor(L / tile) * tile ? i : ZERO,
      ),
      place('first_row_tile_dropped', `with zeros for the first ${tile} rows`, (i) => (i < tile ? ZERO : i)),
      place('only_first_row_tile', `with zeros behind the first ${tile} rows`, (i) => (i < tile ? i : ZERO)),
      place('row_tile_too_far', `one tile of ${tile} rows further`, (i) => (i + tile < L ? i + tile : ZERO)),
      place('row_tail_shifted', `with the last tile of ${tile} rows moved up to end with the window`, (i) =>
        Math.floor(i / tile) * tile + tile <= L ? i : L - tile + (i % tile),
      ),
    ]),
    place('last_row_zero', 'with zeros for the last row', (i) => (i < L - 1 ? i : ZERO)),
    place('first_row_zero', 'with zeros for the first row', (i) => (i > 0 ? i : ZERO)),
    ...(isSquare
      ? [
          place(
            'tokens_column_major',
            'with tokens numbered by columns',
            (i) => (i % side) * side + Math.floor(i / side),
          ),
          ...Array.from({ length: side - 1 }, (_, s) => s + 1).flatMap((s) => {
            const roll = (dy: number, dx: number) => (i: number) =>
              ((Math.floor(i / side) + dy) % side) * side + (((i % side) + dx) % side);
            return [
              place('tokens_rolled', `with tokens rolled by ${s} along both axes`, roll(s, s)),
              place('tokens_rolled', `with tokens rolled by ${s} along the columns`, roll(s, 0)),
              place('tokens_rolled', `with tokens rolled by ${s} along the rows`, roll(0, s)),
            ];
          }),
        ]
      : []),
  ];
}
