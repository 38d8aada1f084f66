import { MASKED } from '../../reference/shiftedWindowMask.js';
import type { ImageContext, ImageProblem, ImageVariant } from '../imageFault.js';
import { modulo, partitionOf } from '../imageLayout.js';

type Mask = (u: number) => Float64Array | undefined;
/** Region of a token at y, x of the padded image after the shift. */
type Region = (y: number, x: number) => number;

/** The right mask of window u of the batch; undefined without a shift. */
export function shiftMaskOf(problem: ImageProblem): ((u: number) => Float64Array) | undefined {
  const { shiftSize } = problem.grid;
  return shiftSize[0] === 0 && shiftSize[1] === 0 ? undefined : maskOfShift(problem, shiftSize);
}

/** The mask for a shift of another amount. */
export function maskOfShift(problem: ImageProblem, shift: readonly [number, number]): (u: number) => Float64Array {
  return maskOf(problem, regionsOf(problem, shift));
}

function regionsOf({ grid }: ImageProblem, [sy, sx]: readonly [number, number]): Region {
  const { paddedHeight, paddedWidth, windowSize } = grid;
  return (y, x) => 3 * along(y, paddedHeight, windowSize[0], sy) + along(x, paddedWidth, windowSize[1], sx);
}

function along(y: number, size: number, window: number, shift: number): number {
  if (shift === 0 || y < size - window) return 0;
  return y < size - shift ? 1 : 2;
}

interface MaskOptions {
  readonly value?: number;
  readonly isInverted?: boolean;
  /** Masks only where the key's region comes after the query's, or before. */
  readonly side?: 'after' | 'before';
  /** Window of the image whose mask window u of the batch takes; below 0 for none. */
  readonly windowOf?: (u: number) => number;
  readonly tokenOf?: (l: number) => number;
}

function maskOf(problem: ImageProblem, region: Region, options: MaskOptions = {}): (u: number) => Float64Array {
  const { L, nW, grid } = problem;
  const { value = MASKED, isInverted = false, side, windowOf = (u) => u % nW, tokenOf } = options;
  const regions = partitionOf(grid).map((at) => region(Math.floor(at / grid.paddedWidth), at % grid.paddedWidth));
  return (u) => {
    const mask = new Float64Array(L * L);
    const w = windowOf(u);
    if (w < 0 || w >= nW) return mask;
    const own = Array.from({ length: L }, (_, l) => regions[w * L + (tokenOf ? tokenOf(l) : l)] as number);
    for (let i = 0; i < L; i++) {
      for (let j = 0; j < L; j++) {
        const [query, key] = [own[i] as number, own[j] as number];
        const isMasked = side === undefined ? query !== key : side === 'after' ? key > query : key < query;
        if (isMasked !== isInverted) mask[i * L + j] = value;
      }
    }
    return mask;
  };
}

/** Masks of other windows, images, regions or values, or none. */
export function masks({ problem }: ImageContext): ImageVariant[] {
  const { grid, nW, B, Himg, Wimg } = problem;
  const { windowSize, shiftSize, paddedHeight, paddedWidth } = grid;
  const [Wh, Ww] = windowSize;
  const [sy, sx] = shiftSize;
  const [rows, columns] = [paddedHeight / Wh, paddedWidth / Ww];
  const variants: ImageVariant[] = [];
  const add = (name: string, explanation: string, mask: Mask) => variants.push({ name, explanation, fault: { mask } });
  const right = regionsOf(problem, shiftSize);
  const bounds = (name: string, text: string, shift: readonly [number, number]) => {
    if (shift[0] === sy && shift[1] === sx) return;
    add(name, `the regions of the mask ${text}`, maskOf(problem, regionsOf(problem, shift)));
  };
  const isShifted = sy !== 0 || sx !== 0;
  if (problem.hasPadding) {
    const isPadding = (y: number, x: number) =>
      modulo(y + sy, paddedHeight) >= Himg || modulo(x + sx, paddedWidth) >= Wimg;
    const region: Region = (y, x) => (isPadding(y, x) ? 9 : right(y, x));
    add('padding_masked', 'padded tokens are masked out, where they take part as keys', maskOf(problem, region));
    const only: Region = (y, x) => (isPadding(y, x) ? 9 : 0);
    add('padding_masked', 'the mask is that of padding alone', maskOf(problem, only));
  }
  if (isShifted) {
    add('mask_missing', 'the mask of shifted windows is missing', () => undefined);
    const parts = (name: string, text: string, has: (isLast: readonly [boolean, boolean]) => boolean) => {
      const windowOf = (u: number) => {
        const w = u % nW;
        return has([Math.floor(w / columns) === rows - 1, w % columns === columns - 1]) ? w : -1;
      };
      add(name, `the mask ${text}`, maskOf(problem, right, { windowOf }));
    };
    parts('mask_of_last_row_missing', 'is missing in the last row of windows', ([y]) => !y);
    parts('mask_of_last_column_missing', 'is missing in the last column of windows', ([, x]) => !x);
    parts('mask_of_last_window_missing', 'is missing in the last window', ([y, x]) => !(y && x));
    parts(
      'mask_of_last_row_missing',
      'is missing in the last row of windows but for the last one',
      ([y, x]) => !(y && !x),
    );
    parts(
      'mask_of_last_column_missing',
      'is missing in the last column of windows but for the last one',
      ([y, x]) => !(x && !y),
    );
    parts('mask_of_last_window_only', 'is there in the last window alone', ([y, x]) => y && x);
    bounds('mask_of_last_row_missing', 'are those of a shift along the width alone', [0, sx]);
    bounds('mask_of_last_column_missing', 'are those of a shift along the height alone', [sy, 0]);
    bounds('mask_axes_swapped', 'have height and width exchanged', [sx, sy]);
    bounds('mask_of_other_regions', 'begin at the window less the shift', [Wh - sy, Ww - sx]);
    const elsewhere = (name: string, text: string, windowOf: (u: number) => number) =>
      add(name, `the mask is that of ${text}`, maskOf(problem, right, { windowOf }));
    elsewhere('mask_windows_in_column_order', 'the window with row and column of windows exchanged', (u) => {
      const w = u % nW;
      return (w % rows) * columns + Math.floor(w / rows);
    });
    elsewhere('mask_windows_in_column_order', 'the window counted by columns', (u) => {
      const w = u % nW;
      return (w % columns) * rows + Math.floor(w / columns);
    });
    elsewhere('mask_of_first_window', 'the first window', () => 0);
    elsewhere('mask_of_last_window', 'the last window', () => nW - 1);
    elsewhere('mask_of_next_window', 'the next window', (u) => (u + 1) % nW);
    elsewhere('mask_of_next_window', 'the window before: both neighbours have this name', (u) => (u + nW - 1) % nW);
    elsewhere('mask_windows_reversed', 'the windows in reverse', (u) => nW - 1 - (u % nW));
    elsewhere('mask_windows_reversed', 'the rows of windows in reverse', (u) => {
      const w = u % nW;
      return (rows - 1 - Math.floor(w / columns)) * columns + (w % columns);
    });
    elsewhere('mask_windows_reversed', 'the columns of windows in reverse', (u) => {
      const w = u % nW;
      return Math.floor(w / columns) * columns + columns - 1 - (w % columns);
    });
    if (B > 1) {
      elsewhere('mask_by_image', 'the window that has the number of the image', (u) => Math.floor(u / nW) % nW);
      elsewhere('mask_by_image', 'a window counted with the images innermost', (u) => Math.floor(u / B) % nW);
      elsewhere('mask_of_first_image_only', 'no window but in the first image', (u) => (u < nW ? u : -1));
      elsewhere('mask_of_last_image_only', 'no window but in the last image', (u) => (u >= (B - 1) * nW ? u % nW : -1));
      elsewhere('mask_of_first_image_missing', 'no window in the first image', (u) => (u < nW ? -1 : u % nW));
    }
    for (const value of [Number.NEGATIVE_INFINITY, -1, -10, -5, -4, -3, -2, 1, 100, -MASKED / 10, -50, -20, -1e-3]) {
      add('mask_value', `the mask adds ${value} in place of ${MASKED}`, maskOf(problem, right, { value }));
    }
    for (const side of ['after', 'before'] as const) {
      const text = `the mask is there only where the key's region comes ${side} the query's`;
      add('mask_one_sided', text, maskOf(problem, right, { side }));
    }
    const inverted = maskOf(problem, right, { isInverted: true });
    add('mask_inverted', 'the mask is there where two tokens are of the same region', inverted);
    add(
      'mask_tokens_transposed',
      'the tokens of a window are transposed in the mask',
      maskOf(problem, right, { tokenOf: (l) => (l % Wh) * Ww + Math.floor(l / Wh) }),
    );
    add(
      'mask_tokens_reversed',
      'the tokens of a window are reversed in the mask',
      maskOf(problem, right, { tokenOf: (l) => Wh * Ww - 1 - l }),
    );
    const region = (name: string, text: string, of: Region) =>
      add(name, `the regions of the mask ${text}`, maskOf(problem, of));
    region(
      'mask_regions_merged',
      'are numbered by the sum of both axes, so that two differ no more',
      (y, x) => along(y, paddedHeight, Wh, sy) + along(x, paddedWidth, Ww, sx),
    );
    region(
      'mask_regions_merged',
      'number the last window of a row alike on both sides',
      (y, x) => 2 * Math.min(1, along(y, paddedHeight, Wh, sy)) + Math.min(1, along(x, paddedWidth, Ww, sx)),
    );
    region('mask_unshifted', 'are those of the image that was not shifted', (y, x) =>
      right(modulo(y + sy, paddedHeight), modulo(x + sx, paddedWidth)),
    );
    region('mask_shifted_twice', 'are shifted once more', (y, x) =>
      right(modulo(y - sy, paddedHeight), modulo(x - sx, paddedWidth)),
    );
    region('mask_at_top_left', 'lie at the first row and column of windows', (y, x) =>
      right(paddedHeight - 1 - y, paddedWidth - 1 - x),
    );
    region('mask_at_top_left', 'lie at the first row of windows', (y, x) => right(paddedHeight - 1 - y, x));
    region('mask_at_top_left', 'lie at the first column of windows', (y, x) => right(y, paddedWidth - 1 - x));
    if (problem.hasPadding) {
      region(
        'mask_of_unpadded_image',
        'are those of the image without padding',
        (y, x) => 3 * along(y, Himg, Wh, sy) + along(x, Wimg, Ww, sx),
      );
    }
  }
  const kind = isShifted ? 'mask_of_other_regions' : 'mask_without_shift';
  for (let y = 0; y < Wh; y++) {
    for (let x = 0; x < Ww; x++) {
      if (y === 0 && x === 0) continue;
      bounds(kind, `are those of a shift by [${y}, ${x}]`, [y, x]);
    }
  }
  return variants;
}
