import { type Axes, indexer, type Place, UNKNOWN, ZERO } from '../place.js';
import { TILES, unique } from './tileSizes.js';

export function featurePlaces(axes: Axes): Place[] {
  const { D } = axes;
  if (D < 2) return [];
  const right = indexer(axes);
  const size = axes.B * axes.H * axes.L * D;
  const place = (name: string, text: string, of: (d: number) => number): Place => ({
    name,
    text,
    at: (b, h, i, d) => {
      const column = of(d);
      return column === ZERO ? ZERO : right(b, h, i, column);
    },
  });
  const half = D >> 1;
  const chunks = TILES.filter((chunk) => chunk < D);
  return [
    ...unique([
      ...chunks.map((chunk) => Math.floor((D - 1) / chunk) * chunk),
      ...chunks.map((chunk) => D - chunk),
      D - 1,
    ])
      .filter((kept) => kept < D)
      .map((kept) =>
        place('feature_tail_dropped', `with zeros behind feature ${kept - 1}`, (d) => (d < kept ? d : ZERO)),
      ),
    place('features_shifted', 'one feature further, the last one wrapped', (d) => (d + 1) % D),
    place('features_shifted', 'one feature before, the first one wrapped', (d) => (d + D - 1) % D),
    place('features_shifted', 'one feature further, zeros after the last', (d) => (d + 1 < D ? d + 1 : ZERO)),
    place('features_shifted', 'one feature before, zeros before the first', (d) => (d > 0 ? d - 1 : ZERO)),
    place('features_shifted', 'one feature further, the last one twice', (d) => Math.min(d + 1, D - 1)),
    ...[1, -1].map((step) => ({
      name: 'features_shifted',
      text: `${step} elements from its place`,
      at: (b: number, h: number, i: number, d: number) => {
        const at = right(b, h, i, d) + step;
        return at < 0 || at >= size ? UNKNOWN : at;
      },
    })),
    place('feature_0_repeated', 'from feature 0 for all', () => 0),
    place('features_reversed', 'with the features in reverse order', (d) => D - 1 - d),
    place('features_swapped', 'with neighbouring features swapped', (d) => Math.min(d ^ 1, D - 1)),
    ...(D % 2 === 0
      ? [
          place('feature_halves_swapped', 'with the halves of the features swapped', (d) => (d + half) % D),
          place('features_interleaved', 'with even features before odd ones', (d) =>
            d < half ? 2 * d : 2 * (d - half) + 1,
          ),
          place(
            'features_interleaved',
            'with the halves of the features interleaved',
            (d) => (d % 2 ? half : 0) + (d >> 1),
          ),
        ]
      : []),
    ...chunks.flatMap((chunk) => [
      place('chunk_not_advanced', `from the first chunk of ${chunk} features for every chunk`, (d) => d % chunk),
      place('chunk_stays_behind', `one chunk of ${chunk} features late`, (d) => (d < chunk ? d : d - chunk)),
      place('last_chunk_repeated', `from the last chunk of ${chunk} features for every chunk`, (d) =>
        Math.min((Math.ceil(D / chunk) - 1) * chunk + (d % chunk), D - 1),
      ),
      place('chunks_swapped', `with neighbouring chunks of ${chunk} features swapped`, (d) =>
        (d ^ chunk) < D ? d ^ chunk : d,
      ),
      place('chunks_reversed', `with the chunks of ${chunk} features in reverse order`, (d) =>
        D % chunk ? d : D - chunk - Math.floor(d / chunk) * chunk + (d % chunk),
      ),
      place('only_first_chunk', `with zeros behind the first ${chunk} features`, (d) => (d < chunk ? d : ZERO)),
      place('first_chunk_dropped', `with zeros for the first ${chunk} features`, (d) => (d < chunk ? ZERO : d)),
      place('only_last_chunk', `with zeros before the last chunk of ${chunk} features`, (d) =>
        d < (Math.ceil(D / chunk) - 1) * chunk ? ZERO : d,
      ),
      place('next_chunk', `from the next chunk of ${chunk} features`, (d) => (d + chunk) % D),
    ]),
    ...(D % 2 === 0
      ? [
          place('odd_features_dropped', 'with zeros for odd features', (d) => (d % 2 ? ZERO : d)),
          place('odd_features_dropped', 'with zeros for even features', (d) => (d % 2 ? d : ZERO)),
        ]
      : []),
    place('first_feature_dropped', 'with zeros for the first feature', (d) => (d ? d : ZERO)),
  ];
}
