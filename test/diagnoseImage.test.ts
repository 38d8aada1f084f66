import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../src/oracle/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import {
  at,
  type Grid,
  type ImageInputs,
  permute,
  plantedImageKernel,
  RIGHT,
  roll,
  type Sizes,
  type Steps,
  tabulate,
  view,
} from './support/plantedImageKernel.js';

const rounded = ({ dims, data }: Tensor<Float64Array>) => float32Tensor(dims, Float32Array.from(data));
const isEqual = (a: Tensor<Float64Array>, b: Tensor<Float64Array>) =>
  a.data.every((x, n) => Math.abs(x - (b.data[n] as number)) < 1e-9);
const rollBoth = (of: (s: Sizes) => readonly [number, number]): Partial<Steps> => ({
  roll: (x, s) => roll(x, -of(s)[0], -of(s)[1]),
  rollBack: (x, s) => roll(x, of(s)[0], of(s)[1]),
});
const parts = (of: (qkv: readonly [Grid, Grid, Grid], s: Sizes) => Grid[]): Partial<Steps> => ({
  heads: (x, s) => of(RIGHT.heads(x, s) as [Grid, Grid, Grid], s),
});
const maskBy = (windowOf: (u: number, s: Sizes) => number): Partial<Steps> => ({
  mask: (u, s) => RIGHT.mask(windowOf(u, s), s),
});

/** One fault of every kind, by the name that it is to have. */
const FAULTS: Record<string, Partial<Steps>> = {
  shift_reversed: rollBoth(({ shift: [y, x] }) => [-y, -x]),
  shift_missing: rollBoth(() => [0, 0]),
  shift_of_height_only: rollBoth(({ shift: [y] }) => [y, 0]),
  shift_axes_swapped: rollBoth(({ shift: [y, x] }) => [x, y]),
  reverse_shift_missing: { rollBack: (x) => x },
  reverse_shift_reversed: { rollBack: (x, { shift: [y, c] }) => roll(x, -y, -c) },
  reverse_shift_twice: { rollBack: (x, { shift: [y, c] }) => roll(x, 2 * y, 2 * c) },
  mask_missing: { mask: () => undefined },
  mask_of_last_window: maskBy((_, { nW }) => nW - 1),
  mask_of_next_window: maskBy((u, { nW }) => (u + 1) % nW),
  mask_by_image: maskBy((u, { nW }) => Math.floor(u / nW) % nW),
  mask_value: { mask: (u, s) => (i, j) => (RIGHT.mask(u, s)?.(i, j) ? -1 : 0) },
  padding_at_top_left: {
    pad: (x, { B, Himg, Wimg, Hp, Wp }, token) =>
      tabulate([B, Hp, Wp, x.dims[3] as number], ([b, y, c, ch]) => {
        const [Y, X] = [(y as number) - Hp + Himg, (c as number) - Wp + Wimg];
        return Y < 0 || X < 0 ? (token[ch as number] as number) : at(x, b as number, Y, X, ch as number);
      }),
    crop: (x, { B, Himg, Wimg, Hp, Wp, C }) =>
      tabulate([B, Himg, Wimg, C], ([b, y, c, ch]) =>
        at(x, b as number, (y as number) + Hp - Himg, (c as number) + Wp - Wimg, ch as number),
      ),
  },
  padding_qkv_ignored: {
    pad: (x, s, token) =>
      RIGHT.pad(
        x,
        s,
        Array.from(token, () => 0),
      ),
  },
  tokens_transposed: {
    partition: (x, { B, Hp, Wp, window: [Wh, Ww], nW, L, C }) =>
      view(permute(view(x, B, Hp / Wh, Wh, Wp / Ww, Ww, 3 * C), 0, 1, 3, 4, 2, 5), B * nW, L, 3 * C),
  },
  qkv_order_vqk: parts(([q, k, v]) => [v, q, k]),
  heads_interleaved: {
    heads: (x, { L, H, D }) => {
      const all = permute(view(x, x.dims[0] as number, L, 3, D, H), 2, 0, 4, 1, 3);
      const size = all.data.length / 3;
      return [0, 1, 2].map((part) => ({
        dims: all.dims.slice(1),
        data: all.data.subarray(part * size, (part + 1) * size),
      }));
    },
  },
  bias_transposed: { bias: (h, i, j) => [h, j, i] },
  bias_of_next_head: { bias: (h, i, j, _, { H }) => [(h + 1) % H, i, j] },
  images_reversed: {
    roll: (x, s) => tabulate(x.dims, ([b, ...rest]) => at(rightRolled(x, s), s.B - 1 - (b as number), ...rest)),
  },
};

const rolled = new WeakMap<Grid, Grid>();
function rightRolled(x: Grid, s: Sizes): Grid {
  const known = rolled.get(x) ?? RIGHT.roll(x, s);
  rolled.set(x, known);
  return known;
}

const CASES = Number(process.env.FC_NUM_RUNS ?? 500) / 5;

/** Sizes at which every fault above changes something: axes that differ, padding, a shift that no half makes equal. */
const draws = fc.record({
  seed: fc.integer(),
  name: fc.constantFrom(...Object.keys(FAULTS)),
  window: fc.constantFrom<[number, number]>([4, 5], [5, 4], [3, 5], [4, 6]),
  windows: fc.tuple(fc.integer({ min: 2, max: 3 }), fc.integer({ min: 2, max: 3 })),
  B: fc.integer({ min: 2, max: 3 }),
  H: fc.integer({ min: 2, max: 3 }),
  D: fc.integer({ min: 3, max: 5 }),
});

describe('faults of images at random sizes', () => {
  it('are the first to be named in 98 of 100', { timeout: 900_000 }, () => {
    const missed: string[] = [];
    const all = fc.sample(draws, CASES);
    for (const draw of all) {
      const { seed, name, window, windows, B, H, D } = draw;
      const next = randomNumbers(seed);
      const [Wh, Ww] = window;
      const inputs: ImageInputs = {
        qkv: randomTensor([B, windows[0] * Wh - 1, windows[1] * Ww - 1, 3 * H * D], next, 1.5),
        relativePositionBias: randomTensor([H, Wh * Ww, Wh * Ww], next),
        numHeads: H,
        windowSize: window,
        shiftSize: [1, 2],
        paddingQkv: randomTensor([3 * H * D], next),
      };
      const planted = plantedImageKernel(inputs, FAULTS[name]);
      const [first] = diagnose(inputs, rounded(planted));
      // Two faults may give the same numbers at some sizes: the mask of a window that has none is a missing one.
      const named = FAULTS[first?.name ?? ''];
      const isSame = first?.name === name || (named && isEqual(plantedImageKernel(inputs, named), planted));
      if (isSame && (first?.residual ?? 1) <= 0.02) continue;
      missed.push(`${first?.name} (${first?.residual}: ${first?.explanation}) for ${JSON.stringify(draw)}`);
    }
    console.info(`${all.length - missed.length} of ${all.length} named first`);
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(Math.ceil(all.length / 50));
  });
});
