import { MASKED } from '../../src/reference/shiftedWindowMask.js';
import { windowAttention } from '../../src/reference/windowAttention.js';
import { float64Tensor, type Tensor } from '../../src/tensor/tensor.js';

/** Numbers of an array of any rank, row-major. */
export interface Grid {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export interface ImageInputs {
  readonly qkv: Tensor;
  readonly relativePositionBias: Tensor;
  readonly numHeads: number;
  readonly windowSize: readonly [number, number];
  readonly shiftSize: readonly [number, number];
  readonly paddingQkv?: Tensor;
}

/** What a planted kernel knows at every step. */
export interface Sizes {
  readonly B: number;
  readonly Himg: number;
  readonly Wimg: number;
  readonly Hp: number;
  readonly Wp: number;
  readonly C: number;
  readonly H: number;
  readonly D: number;
  readonly L: number;
  readonly window: readonly [number, number];
  readonly shift: readonly [number, number];
  readonly nW: number;
}

/** Steps of Swin's layer, as its PyTorch code has them, each of which a fault may replace. */
export interface Steps {
  pad(x: Grid, s: Sizes, token: ArrayLike<number>): Grid;
  roll(x: Grid, s: Sizes): Grid;
  partition(x: Grid, s: Sizes): Grid;
  /** `[windows, L, 3C]` → q, k and v `[windows, H, L, D]`. */
  heads(x: Grid, s: Sizes): Grid[];
  mask(u: number, s: Sizes): ((i: number, j: number) => number) | undefined;
  bias(h: number, i: number, j: number, u: number, s: Sizes): [number, number, number] | number;
  /** `[windows, H, L, D]` → `[windows, L, C]`. */
  merge(x: Grid, s: Sizes): Grid;
  reverse(x: Grid, s: Sizes): Grid;
  rollBack(x: Grid, s: Sizes): Grid;
  crop(x: Grid, s: Sizes): Grid;
}

export function tabulate(dims: readonly number[], of: (index: number[]) => number): Grid {
  const data = new Float64Array(dims.reduce((all, size) => all * size, 1));
  const index = dims.map(() => 0);
  for (let at = 0; at < data.length; at++) {
    data[at] = of(index);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return { dims, data };
}

export const at = ({ dims, data }: Grid, ...index: number[]) =>
  data[index.reduce((all, i, axis) => all * (dims[axis] as number) + i, 0)] as number;
export const view = ({ data }: Grid, ...dims: number[]): Grid => ({ dims, data });
export const permute = (x: Grid, ...order: number[]) =>
  tabulate(
    order.map((axis) => x.dims[axis] as number),
    (index) => {
      const from: number[] = [];
      for (const [to, axis] of order.entries()) from[axis] = index[to] as number;
      return at(x, ...from);
    },
  );
export const mod = (a: number, n: number) => ((a % n) + n) % n;
/** torch.roll over height and width. */
export const roll = (x: Grid, dy: number, dx: number) =>
  tabulate(x.dims, ([b, y, c, ch]) =>
    at(
      x,
      b as number,
      mod((y as number) - dy, x.dims[1] as number),
      mod((c as number) - dx, x.dims[2] as number),
      ch as number,
    ),
  );
export const region = (y: number, size: number, window: number, shift: number) =>
  shift === 0 || y < size - window ? 0 : y < size - shift ? 1 : 2;
/** Region of token l of window u after the shift. */
export function regionOf(
  u: number,
  l: number,
  { Hp, Wp, window: [Wh, Ww], nW }: Sizes,
  [sy, sx]: readonly [number, number],
) {
  const w = u % nW;
  const columns = Wp / Ww;
  const y = Math.floor(w / columns) * Wh + Math.floor(l / Ww);
  const x = (w % columns) * Ww + (l % Ww);
  return 3 * region(y, Hp, Wh, sy) + region(x, Wp, Ww, sx);
}

export const RIGHT: Steps = {
  pad: (x, { B, Himg, Wimg, Hp, Wp }, token) =>
    tabulate([B, Hp, Wp, x.dims[3] as number], ([b, y, c, ch]) =>
      (y as number) < Himg && (c as number) < Wimg
        ? at(x, b as number, y as number, c as number, ch as number)
        : (token[ch as number] as number),
    ),
  roll: (x, { shift: [sy, sx] }) => roll(x, -sy, -sx),
  partition: (x, { B, Hp, Wp, window: [Wh, Ww], nW, L, C }) =>
    view(permute(view(x, B, Hp / Wh, Wh, Wp / Ww, Ww, 3 * C), 0, 1, 3, 2, 4, 5), B * nW, L, 3 * C),
  heads: (x, { L, H, D }) => {
    const all = permute(view(x, x.dims[0] as number, L, 3, H, D), 2, 0, 3, 1, 4);
    const size = all.data.length / 3;
    return [0, 1, 2].map((part) => ({
      dims: all.dims.slice(1),
      data: all.data.subarray(part * size, (part + 1) * size),
    }));
  },
  mask: (u, s) => {
    if (s.shift[0] === 0 && s.shift[1] === 0) return undefined;
    return (i, j) => (regionOf(u, i, s, s.shift) === regionOf(u, j, s, s.shift) ? 0 : MASKED);
  },
  bias: (h, i, j) => [h, i, j],
  merge: (x, { L, C }) => view(permute(x, 0, 2, 1, 3), x.dims[0] as number, L, C),
  reverse: (x, { B, Hp, Wp, window: [Wh, Ww], C }) =>
    view(permute(view(x, B, Hp / Wh, Wp / Ww, Wh, Ww, C), 0, 1, 3, 2, 4, 5), B, Hp, Wp, C),
  rollBack: (x, { shift: [sy, sx] }) => roll(x, sy, sx),
  crop: (x, { B, Himg, Wimg, C }) =>
    tabulate([B, Himg, Wimg, C], ([b, y, c, ch]) => at(x, b as number, y as number, c as number, ch as number)),
};

/** Output of a kernel that takes some steps otherwise. */
export function plantedImageKernel(inputs: ImageInputs, faults: Partial<Steps> = {}): Tensor<Float64Array> {
  const steps = { ...RIGHT, ...faults };
  const { qkv, relativePositionBias: bias, numHeads: H, windowSize: window, shiftSize } = inputs;
  const [B, Himg, Wimg, channels] = qkv.dims as [number, number, number, number];
  const [Wh, Ww] = window;
  const [Hp, Wp] = [Math.ceil(Himg / Wh) * Wh, Math.ceil(Wimg / Ww) * Ww];
  const C = channels / 3;
  const L = Wh * Ww;
  const s: Sizes = {
    ...{ B, Himg, Wimg, Hp, Wp, C, H, L, window },
    D: C / H,
    nW: (Hp * Wp) / L,
    shift: [Wh >= Hp ? 0 : shiftSize[0], Ww >= Wp ? 0 : shiftSize[1]],
  };
  const token = inputs.paddingQkv?.data ?? new Float64Array(channels);
  const image: Grid = { dims: qkv.dims, data: Float64Array.from(qkv.data as Float32Array) };
  const [q, k, v] = steps.heads(steps.partition(steps.roll(steps.pad(image, s, token as Float32Array), s), s), s) as [
    Grid,
    Grid,
    Grid,
  ];
  const units = q.dims[0] as number;
  const o = new Float64Array(units * H * L * s.D);
  const biasData = bias.data as Float32Array;
  for (let u = 0; u < units; u++) {
    const part = (x: Grid) => float64Tensor([1, H, L, s.D], x.data.slice(u * H * L * s.D, (u + 1) * H * L * s.D));
    const mask = steps.mask(u, s);
    const own = tabulate([H, L, L], ([h, i, j]) => {
      const place = steps.bias(h as number, i as number, j as number, u, s);
      const added = typeof place === 'number' ? place : (biasData[(place[0] * L + place[1]) * L + place[2]] as number);
      return added + (mask ? mask(i as number, j as number) : 0);
    });
    const result = windowAttention({ q: part(q), k: part(k), v: part(v), bias: float64Tensor([H, L, L], own.data) });
    o.set(result.o.data, u * H * L * s.D);
  }
  const merged = steps.merge({ dims: [units, H, L, s.D], data: o }, s);
  const back = steps.crop(steps.rollBack(steps.reverse(merged, s), s), s);
  return float64Tensor(back.dims, back.data);
}
