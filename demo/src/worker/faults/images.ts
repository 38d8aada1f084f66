import type { Tensor, TensorLike } from 'flash-window-attention';
import { makeVectors } from 'flash-window-attention/oracle';
import {
  cyclicShift,
  relativePositionBias,
  shiftedWindowAttentionBackward,
  shiftedWindowMask,
  windowAttention,
  windowPartition,
  windowReverse,
} from 'flash-window-attention/reference';
import { float32, type PlantedFault, type Reals, remade } from './inputs.js';

/** Two images that windows of 4 × 5 do not fit, so that height and width, padding and shift all show. */
const [B, HEIGHT, WIDTH, H, D] = [2, 6, 13, 2, 4] as const;
const WINDOW = [4, 5] as const;
const SHIFT = [1, 3] as const;
const [PADDED_HEIGHT, PADDED_WIDTH] = [8, 15] as const;
const C = H * D;
const L = WINDOW[0] * WINDOW[1];
const nW = (PADDED_HEIGHT * PADDED_WIDTH) / L;

interface ImageInputs {
  readonly qkv: Tensor;
  readonly numHeads: number;
  readonly windowSize: readonly [number, number];
  readonly shiftSize: readonly [number, number];
  readonly relativePositionBias: Reals;
  readonly paddingQkv: Tensor;
}

type Shift = [number, number];

/** The steps of a shifted-window layer; a fault takes one of them otherwise. */
interface Steps {
  /** `[B, 6, 13, 3C]` → `[B, 8, 15, 3C]`. */
  pad(image: TensorLike, padding: TensorLike): Reals;
  shift(image: Reals): Reals;
  /** `[B, 8, 15, 3C]` → `[B · nW, L, 3C]`. */
  cut(image: Reals): Reals;
  /** Channel of q, k or v's feature d of head h. */
  channel(part: number, h: number, d: number): number;
  /** Window of the image whose mask window u of the batch takes; undefined for none. */
  maskOf(u: number): number | undefined;
  mask(): Reals;
  bias(h: number, i: number, j: number): [h: number, i: number, j: number];
  /** Channel of the output that holds feature d of head h. */
  output(h: number, d: number): number;
  /** `[B · nW, L, C]` → `[B, 8, 15, C]`. */
  putBack(windows: Reals): Reals;
  shiftBack(image: Reals): Reals;
  crop(image: Reals): Reals;
}

const withDims = (tensor: TensorLike, dims: readonly number[]): Reals => ({
  data: Float64Array.from(tensor.data, Number),
  dims,
  type: 'float64',
});
const sized = (dims: readonly number[]): Reals =>
  withDims({ data: new Float64Array(dims.reduce((all, dim) => all * dim, 1)), dims }, dims);
const shiftBy = (y: number, x: number) => (image: Reals) => cyclicShift(image, [y, x] as Shift);
const reader = ({ data, dims }: TensorLike) => {
  return (...at: number[]) => Number(data[at.reduce((index, n, axis) => index * (dims[axis] as number) + n, 0)]);
};

/** An image in the padded one, its first token at y, x. */
const padAt =
  (top: number, left: number) =>
  (image: TensorLike, padding: TensorLike): Reals => {
    const x = reader(image);
    return remade(sized([B, PADDED_HEIGHT, PADDED_WIDTH, 3 * C]), (_, b, y, column, channel) => {
      const [row, col] = [y - top, column - left];
      const isInside = row >= 0 && row < HEIGHT && col >= 0 && col < WIDTH;
      return isInside ? x(b, row, col, channel) : Number(padding.data[channel]);
    });
  };
const cropAt =
  (top: number, left: number) =>
  (image: Reals): Reals => {
    const x = reader(image);
    return remade(sized([B, HEIGHT, WIDTH, C]), (_, b, y, column, channel) => x(b, y + top, column + left, channel));
  };

const RIGHT: Steps = {
  pad: padAt(0, 0),
  shift: shiftBy(-SHIFT[0], -SHIFT[1]),
  cut: (image) => withDims(windowPartition(image, WINDOW), [B * nW, L, 3 * C]),
  channel: (part, h, d) => (part * H + h) * D + d,
  maskOf: (u) => u % nW,
  mask: () => shiftedWindowMask(PADDED_HEIGHT, PADDED_WIDTH, WINDOW, SHIFT),
  bias: (h, i, j) => [h, i, j],
  output: (h, d) => h * D + d,
  putBack: (windows) => windowReverse(withDims(windows, [B * nW, ...WINDOW, C]), WINDOW, PADDED_HEIGHT, PADDED_WIDTH),
  shiftBack: shiftBy(SHIFT[0], SHIFT[1]),
  crop: cropAt(0, 0),
};

/** A kernel over images with some steps replaced. */
function kernel(inputs: ImageInputs, faults: Partial<Steps>): Reals {
  const steps = { ...RIGHT, ...faults };
  const windows = reader(steps.cut(steps.shift(steps.pad(inputs.qkv, inputs.paddingQkv))));
  const part = (n: number) =>
    remade(sized([B * nW, H, L, D]), (_, u, h, i, d) => windows(u, i, steps.channel(n, h, d)));
  const own = reader(steps.mask());
  const mask = remade(sized([B * nW, L, L]), (_, u, i, j) => {
    const w = steps.maskOf(u);
    return w === undefined ? 0 : own(w, i, j);
  });
  const bias = remade(inputs.relativePositionBias, (x, h, i, j) => x(...steps.bias(h, i, j)));
  const o = reader(windowAttention({ q: part(0), k: part(1), v: part(2), bias, mask }).o);
  const merged = sized([B * nW, L, C]);
  for (let u = 0; u < B * nW; u++) {
    for (let i = 0; i < L; i++) {
      for (let h = 0; h < H; h++) {
        for (let d = 0; d < D; d++) merged.data[(u * L + i) * C + steps.output(h, d)] = o(u, h, i, d);
      }
    }
  }
  return steps.crop(steps.shiftBack(steps.putBack(merged)));
}

export function imageInputs(seed: number): ImageInputs & { readonly dO: Tensor } {
  const numbers = (dims: readonly number[], own: number): Tensor => ({
    ...makeVectors({ shape: [1, 1, 1, dims.reduce((all, dim) => all * dim, 1)], seed: 10 * seed + own }).q,
    dims,
  });
  const table = numbers([(2 * WINDOW[0] - 1) * (2 * WINDOW[1] - 1), H], 2);
  return {
    qkv: numbers([B, HEIGHT, WIDTH, 3 * C], 1),
    numHeads: H,
    windowSize: WINDOW,
    shiftSize: SHIFT,
    relativePositionBias: relativePositionBias(table, WINDOW),
    paddingQkv: numbers([3 * C], 3),
    dO: numbers([B, HEIGHT, WIDTH, C], 4),
  };
}

const image = (name: string, text: string, faults: Partial<Steps>): PlantedFault => ({
  name,
  text,
  group: 'Images',
  plant(seed) {
    const { dO: _, ...inputs } = imageInputs(seed);
    return { inputs, actuals: { o: float32(kernel(inputs, faults)) } };
  },
});

type Gradients = ReturnType<typeof shiftedWindowAttentionBackward>;

const gradient = (
  name: string,
  text: string,
  wrong: (gradients: Gradients, inputs: ReturnType<typeof imageInputs>) => Readonly<Record<string, Reals | undefined>>,
): PlantedFault => ({
  name,
  text,
  group: 'Gradients of images',
  plant(seed) {
    const inputs = imageInputs(seed);
    const outputs = Object.entries(wrong(shiftedWindowAttentionBackward(inputs), inputs));
    return { inputs, actuals: Object.fromEntries(outputs.map(([key, own]) => [key, float32(own as Reals)])) };
  },
});

const bothShifts = (y: number, x: number): Partial<Steps> => ({ shift: shiftBy(-y, -x), shiftBack: shiftBy(y, x) });
const transposed = (i: number) => (i % WINDOW[1]) * WINDOW[0] + Math.floor(i / WINDOW[1]);
const columnsFirst = (u: number) => {
  const [rows, columns] = [PADDED_HEIGHT / WINDOW[0], PADDED_WIDTH / WINDOW[1]];
  return Math.floor(u / nW) * nW + (u % rows) * columns + Math.floor((u % nW) / rows);
};

/** Faults of kernels that shift, pad and cut images themselves. */
export const IMAGE_FAULTS: readonly PlantedFault[] = [
  image('shift_missing', 'windows are not shifted', bothShifts(0, 0)),
  image('shift_reversed', 'windows are shifted the other way', bothShifts(-SHIFT[0], -SHIFT[1])),
  image('shift_of_height_only', 'windows are shifted along the height alone', bothShifts(SHIFT[0], 0)),
  image('shift_axes_swapped', 'the shift has height and width exchanged', bothShifts(SHIFT[1], SHIFT[0])),
  image('reverse_shift_missing', 'the output is not shifted back', { shiftBack: (x) => x }),
  image('reverse_shift_reversed', 'the output is shifted on, not back', { shiftBack: RIGHT.shift }),
  image('mask_missing', 'shifted windows have no mask', { maskOf: () => undefined }),
  image('mask_of_last_window', 'every window has the mask of the last', { maskOf: () => nW - 1 }),
  image('mask_of_next_window', 'every window has the mask of the next', { maskOf: (u) => (u + 1) % nW }),
  image('mask_by_image', 'a window has the mask of its number over the images', {
    maskOf: (u) => Math.floor(u / B) % nW,
  }),
  image('mask_value', 'the mask adds −1, not −100', {
    mask: () => remade(RIGHT.mask(), (x, w, i, j) => x(w, i, j) / 100),
  }),
  image('mask_axes_swapped', 'the mask is made for a shift with height and width exchanged', {
    mask: () => shiftedWindowMask(PADDED_HEIGHT, PADDED_WIDTH, WINDOW, [SHIFT[1], SHIFT[0]]),
  }),
  image('padding_at_top_left', 'padding goes above and to the left', {
    pad: padAt(PADDED_HEIGHT - HEIGHT, PADDED_WIDTH - WIDTH),
    crop: cropAt(PADDED_HEIGHT - HEIGHT, PADDED_WIDTH - WIDTH),
  }),
  image('padding_qkv_ignored', 'padded tokens are zeros, whatever paddingQkv says', {
    pad: (x, padding) =>
      RIGHT.pad(
        x,
        remade(padding, () => 0),
      ),
  }),
  image('tokens_transposed', 'the tokens of a window are cut by columns', {
    cut: (x) => remade(RIGHT.cut(x), (own, u, i, channel) => own(u, inverse(transposed)[i] as number, channel)),
  }),
  image('windows_in_column_order', 'windows are cut by columns and put back by rows', {
    cut: (x) => remade(RIGHT.cut(x), (own, u, i, channel) => own(columnsFirst(u), i, channel)),
  }),
  image('images_reversed', 'the images of the batch are read in reverse', {
    shift: (x) => remade(RIGHT.shift(x), (own, b, y, column, channel) => own(B - 1 - b, y, column, channel)),
  }),
  image('qkv_order_vqk', 'the channels are taken for v, q, k', {
    channel: (part, h, d) => RIGHT.channel((part + 2) % 3, h, d),
  }),
  image('heads_interleaved', 'the channels are taken for features with heads innermost', {
    channel: (part, h, d) => (part * D + d) * H + h,
  }),
  image('bias_transposed', 'the relative position bias has queries and keys exchanged', {
    bias: (h, i, j) => [h, j, i],
  }),
  image('bias_of_next_head', 'each head has the relative position bias of the next', {
    bias: (h, i, j) => [(h + 1) % H, i, j],
  }),
  image('heads_reversed', 'the heads of the output are stored in reverse', { output: (h, d) => (H - 1 - h) * D + d }),
];

function inverse(of: (i: number) => number): number[] {
  const back: number[] = [];
  for (let i = 0; i < L; i++) back[of(i)] = i;
  return back;
}

/** Faults of gradients over images. */
export const IMAGE_GRADIENT_FAULTS: readonly PlantedFault[] = [
  gradient('mean_over_images', 'dRelativePositionBias is averaged over images', ({ dRelativePositionBias: own }) => ({
    dRelativePositionBias: own && remade(own, (x, ...at) => x(...at) / B),
  })),
  gradient('sum_of_some_windows', 'dRelativePositionBias sums the first image alone', (_, inputs) => {
    const first = ({ data, dims, type }: Tensor): Tensor => ({
      data: data.slice(0, data.length / B),
      dims: [1, ...dims.slice(1)],
      type,
    });
    const { dRelativePositionBias } = shiftedWindowAttentionBackward({
      ...inputs,
      qkv: first(inputs.qkv),
      dO: first(inputs.dO),
    });
    return { dRelativePositionBias };
  }),
  gradient('qkv_order_kqv', 'the thirds of dQkv are stored as dK, dQ, dV', ({ dQkv }) => ({
    dQkv: remade(dQkv, (x, b, y, column, channel) =>
      x(b, y, column, channel < 2 * C ? (channel + C) % (2 * C) : channel),
    ),
  })),
  gradient('features_reversed', 'the features of every head of dQkv are stored in reverse', ({ dQkv }) => ({
    dQkv: remade(dQkv, (x, b, y, column, channel) => {
      const d = channel % D;
      return x(b, y, column, channel - d + D - 1 - d);
    }),
  })),
];
