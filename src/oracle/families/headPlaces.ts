import { type Axes, indexer, type Place } from '../place.js';

export function headPlaces(axes: Axes): Place[] {
  const { B, H } = axes;
  if (H < 2) return [];
  const right = indexer(axes);
  const place = (name: string, text: string, of: (h: number, b: number) => number): Place => ({
    name,
    text,
    at: (b, h, i, d) => right(b, Math.min(of(h, b), H - 1), i, d),
  });
  return [
    place('of_next_head', 'from the next head', (h) => (h + 1) % H),
    place('of_next_head', 'from the head before', (h) => (h + H - 1) % H),
    place('of_head_0', 'from head 0 for all', () => 0),
    place('of_last_head', 'from the last head for all', () => H - 1),
    place('heads_reversed', 'with the heads in reverse order', (h) => H - 1 - h),
    place('heads_swapped', 'with neighbouring heads swapped', (h) => ((h ^ 1) < H ? h ^ 1 : h)),
    place('of_next_head', 'from the next head, the last one from itself', (h) => h + 1),
    place('of_next_head', 'from the head before, the first one from itself', (h) => Math.max(h - 1, 0)),
    ...[2, 3, 4, 8]
      .filter((n) => n < H)
      .flatMap((n) => [
        place('head_shared', `from one head for a group of ${n}`, (h) => Math.floor(h / n)),
        place('head_shared', `from the first head of every ${n}`, (h) => h - (h % n)),
        place('head_index_modulo', `from the head's number modulo ${n}`, (h) => h % n),
      ]),
    place('head_of_window', "from the head of the window's number", (_, b) => b % H),
    ...(B > 1
      ? [
          {
            name: 'windows_and_heads_exchanged',
            text: 'with windows and heads exchanged',
            at: (b: number, h: number, i: number, d: number) =>
              right(Math.floor((h * B + b) / H), (h * B + b) % H, i, d),
          },
        ]
      : []),
  ];
}
