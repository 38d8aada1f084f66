/** Sizes of a tensor `[B, H, L, D]`; a bias is `[1, H, L, L]`, a mask `[nW, 1, L, L]`, lse `[B, H, L, 1]`. */
export interface Axes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
}

/** What a kernel finds where it reads past a tile that it never loaded. */
export const ZERO = -1;
/** Memory outside the tensor, which may hold anything. */
export const UNKNOWN = -2;

/** Index of the element that a faulty kernel takes for `[b, h, i, d]`, or `ZERO`, or `UNKNOWN`. */
export type At = (b: number, h: number, i: number, d: number) => number;

/** A way to take one element of a tensor for another. */
export interface Place {
  readonly name: string;
  /** Completes "… is read". */
  readonly text: string;
  readonly at: At;
}

/** Sizes of tiles that kernels work in. */
export const TILES = [4, 8, 16, 32, 64, 128] as const;

/** Every wrong place that a kernel may read a tensor of these sizes at, the likelier first. */
export function places(axes: Axes, nW: number): Place[] {
  return [
    ...windowPlaces(axes, nW),
    ...headPlaces(axes),
    ...rowPlaces(axes),
    ...featurePlaces(axes),
    ...stridePlaces(axes),
    ...layoutPlaces(axes),
  ];
}

function indexer({ H, L, D }: Axes): At {
  return (b, h, i, d) => ((b * H + h) * L + i) * D + d;
}

/** Places along the windows. `nW` windows make an image; without a mask the sizes of images are guessed. */
export function windowPlaces(axes: Axes, nW: number): Place[] {
  const { B } = axes;
  if (B < 2) return [];
  const right = indexer(axes);
  const place = (name: string, text: string, of: (b: number) => number): Place => ({
    name,
    text,
    at: (b, h, i, d) => {
      const window = of(b);
      return window < 0 || window >= B ? UNKNOWN : right(window, h, i, d);
    },
  });
  const images = nW > 1 ? [nW] : [4, 9, 16, 64, 49, 2, 8].filter((count) => count < B && B % count === 0);
  return [
    place('of_next_window', 'from the next window', (b) => (b + 1) % B),
    place('of_next_window', 'from the window before: both neighbours have this name', (b) => (b + B - 1) % B),
    place('of_window_0', 'from window 0 for all', () => 0),
    place('of_last_window', 'from the last window for all', () => B - 1),
    place('windows_reversed', 'with the windows in reverse order', (b) => B - 1 - b),
    place('windows_swapped', 'with neighbouring windows swapped', (b) => (b ^ 1) % B),
    ...[2, 4].map((n) => place('window_repeated', `from one window for ${n} in a row`, (b) => b - (b % n))),
    ...[2, 4].map((n) => place('window_stride', `from every ${n}th window`, (b) => (b * n) % B)),
    place('window_half', 'from half the window index', (b) => b >> 1),
    ...images.flatMap((n) => {
      const count = B / n;
      const side = Math.round(Math.sqrt(n));
      const inImage = (of: (w: number) => number) => (b: number) => b - (b % n) + of(b % n);
      return [
        ...(count > 1
          ? [
              place('of_first_image', "from the first image's window", (b) => b % n),
              place('of_last_image', "from the last image's window", (b) => B - n + (b % n)),
              place('of_next_image', "from the next image's window", (b) => (b + n) % B),
              place('of_next_image', 'from the window of the image before', (b) => (b + B - n) % B),
              place(
                'windows_and_images_exchanged',
                'with the order of images and windows exchanged',
                (b) => (b % count) * n + Math.floor(b / count),
              ),
              place(
                'windows_and_images_exchanged',
                'with the order of windows and images exchanged',
                (b) => (b % n) * count + Math.floor(b / n),
              ),
              place('image_index_for_window', 'from the window of the number of the image', (b) => Math.floor(b / n)),
            ]
          : []),
        place(
          'of_next_window',
          "from the image's next window",
          inImage((w) => (w + 1) % n),
        ),
        place(
          'of_next_window',
          "from the image's window before: both neighbours have this name",
          inImage((w) => (w + n - 1) % n),
        ),
        place(
          'of_window_0',
          "from the image's first window",
          inImage(() => 0),
        ),
        place(
          'of_last_window',
          "from the image's last window",
          inImage(() => n - 1),
        ),
        place(
          'windows_reversed',
          "with the image's windows in reverse order",
          inImage((w) => n - 1 - w),
        ),
        ...(side * side === n && side > 1
          ? [
              place(
                'windows_transposed',
                'with rows and columns of windows exchanged',
                inImage((w) => (w % side) * side + Math.floor(w / side)),
              ),
              place(
                'windows_shifted',
                'from the window below',
                inImage((w) => (w + side) % n),
              ),
              place(
                'windows_shifted',
                'from the window above',
                inImage((w) => (w + n - side) % n),
              ),
              place(
                'windows_shifted',
                'from the window to the right',
                inImage((w) => w - (w % side) + (((w % side) + 1) % side)),
              ),
              place(
                'windows_shifted',
                'from the window to the left',
                inImage((w) => w - (w % side) + (((w % side) + side - 1) % side)),
              ),
            ]
          : []),
      ];
    }),
  ];
}

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

const LEGEND = ['B', 'H', 'L', 'D'];
/** Memory that is laid out with its axes in another order. */
export function layoutPlaces({ B, H, L, D }: Axes): Place[] {
  const sizes = [B, H, L, D] as const;
  const seen = new Set<string>([signature([0, 1, 2, 3], sizes)]);
  return permutations([0, 1, 2, 3]).flatMap((order): Place[] => {
    // Axes of size 1 make orders alike.
    const key = signature(order, sizes);
    if (seen.has(key)) return [];
    seen.add(key);
    const strides = [0, 0, 0, 0];
    let stride = 1;
    for (const axis of [...order].reverse()) {
      strides[axis] = stride;
      stride *= sizes[axis] as number;
    }
    const [sb, sh, si, sd] = strides as [number, number, number, number];
    const name = order
      .filter((axis) => (sizes[axis] as number) > 1)
      .map((axis) => LEGEND[axis])
      .join(', ');
    return [
      {
        name: `layout_${order.map((axis) => LEGEND[axis]).join('')}`,
        text: `as if it were laid out [${name}]`,
        at: (b, h, i, d) => b * sb + h * sh + i * si + d * sd,
      },
    ];
  });
}

function signature(order: readonly number[], sizes: readonly number[]): string {
  return order.filter((axis) => (sizes[axis] as number) > 1).join();
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}

export function unique(counts: readonly number[]): number[] {
  return [...new Set(counts)].filter((count) => count > 0);
}
