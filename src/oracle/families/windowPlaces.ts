import { type Axes, indexer, type Place, UNKNOWN } from '../place.js';

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
