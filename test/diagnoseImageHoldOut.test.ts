import { describe, expect, it } from 'vitest';
import { diagnose } from '../src/oracle/index.js';
import { shiftedWindowAttention } from '../src/reference/index.js';
import { MASKED } from '../src/reference/shiftedWindowMask.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import {
  at,
  type Grid,
  type ImageInputs,
  mod,
  permute,
  plantedImageKernel,
  RIGHT,
  regionOf,
  roll,
  type Steps,
  tabulate,
  view,
} from './support/plantedImageKernel.js';

/** Faults that the families were not made with. */
const FAULTS: Record<string, Partial<Steps>> = {
  reverse_shift_off: { rollBack: (x, { shift: [sy, sx] }) => roll(x, sy + 1, sx - 1) },
  roll_of_batch_and_height: {
    roll: (x, { shift: [sy, sx] }) =>
      tabulate(x.dims, ([b, y, c, ch]) =>
        at(
          x,
          mod((b as number) + sy, x.dims[0] as number),
          mod((y as number) + sx, x.dims[1] as number),
          c as number,
          ch as number,
        ),
      ),
  },
  roll_of_width_and_channels: {
    roll: (x, { shift: [sy, sx] }) =>
      tabulate(x.dims, ([b, y, c, ch]) =>
        at(
          x,
          b as number,
          y as number,
          mod((c as number) + sy, x.dims[2] as number),
          mod((ch as number) + sx, x.dims[3] as number),
        ),
      ),
  },
  mask_one_sided: {
    mask: (u, s) => (i, j) => (regionOf(u, i, s, s.shift) < regionOf(u, j, s, s.shift) ? MASKED : 0),
  },
  heads_not_transposed_back: { merge: (x, { L, C }) => view(x, x.dims[0] as number, L, C) },
  shift_not_cyclic: {
    roll: (x, { shift: [sy, sx] }) =>
      tabulate(x.dims, ([b, y, c, ch]) => {
        const [Y, X] = [(y as number) + sy, (c as number) + sx];
        return Y < (x.dims[1] as number) && X < (x.dims[2] as number) ? at(x, b as number, Y, X, ch as number) : 0;
      }),
  },
  padding_symmetric: {
    pad: (x, { B, Himg, Wimg, Hp, Wp }) =>
      tabulate([B, Hp, Wp, x.dims[3] as number], ([b, y, c, ch]) => {
        const inside = (n: number, size: number) => (n < size ? n : 2 * size - 1 - n);
        return at(x, b as number, inside(y as number, Himg), inside(c as number, Wimg), ch as number);
      }),
  },
  crop_from_bottom_right: {
    crop: (x, { B, Himg, Wimg, Hp, Wp, C }) =>
      tabulate([B, Himg, Wimg, C], ([b, y, c, ch]) =>
        at(x, b as number, (y as number) + Hp - Himg, (c as number) + Wp - Wimg, ch as number),
      ),
  },
  reverse_batch_inside: {
    reverse: (x, { B, Hp, Wp, window: [Wh, Ww], C }) =>
      view(permute(view(x, Hp / Wh, Wp / Ww, B, Wh, Ww, C), 2, 0, 3, 1, 4, 5), B, Hp, Wp, C),
  },
  bias_missing_in_last_row: {
    bias: (h, i, j, u, { nW, Wp, window }) => (u % nW >= nW - Wp / window[1] ? 0 : [h, i, j]),
  },
  mask_scaled_down_and_bias_transposed: {
    mask: (u, s) => (i, j) => (regionOf(u, i, s, s.shift) === regionOf(u, j, s, s.shift) ? 0 : -3),
    bias: (h, i, j) => [h, j, i],
  },
  mask_missing_and_order_vkq: {
    mask: () => undefined,
    heads: (x, s) => [...RIGHT.heads(x, s)].reverse(),
  },
  shift_missing_and_bias_of_next_head: {
    roll: (x) => x,
    rollBack: (x) => x,
    bias: (h, i, j, _, { H }) => [(h + 1) % H, i, j],
  },
  k_of_next_token: {
    heads: (x, s) => {
      const [q, k, v] = RIGHT.heads(x, s) as [Grid, Grid, Grid];
      return [
        q,
        tabulate(k.dims, ([u, h, l, d]) => at(k, u as number, h as number, mod((l as number) + 1, s.L), d as number)),
        v,
      ];
    },
  },
  windows_of_last_column_exchanged: {
    reverse: (x, s) => {
      const columns = s.Wp / s.window[1];
      const swapped = tabulate(x.dims, ([u, l, c]) => {
        const column = (u as number) % columns;
        const from =
          column === columns - 1 ? (u as number) - 1 : column === columns - 2 ? (u as number) + 1 : (u as number);
        return at(x, from, l as number, c as number);
      });
      return RIGHT.reverse(swapped, s);
    },
  },
  last_head_of_next_window: {
    heads: (x, s) =>
      RIGHT.heads(x, s).map((part) =>
        tabulate(part.dims, ([u, h, l, d]) => {
          const from = h === s.H - 1 ? mod((u as number) + 1, part.dims[0] as number) : (u as number);
          return at(part, from, h as number, l as number, d as number);
        }),
      ),
  },
  q_scaled_twice: {
    heads: (x, s) => {
      const [q, k, v] = RIGHT.heads(x, s) as [Grid, Grid, Grid];
      return [{ dims: q.dims, data: q.data.map((value) => value * s.D ** -0.5) }, k, v];
    },
  },
  last_image_not_stored: {
    crop: (x, s) => {
      const whole = RIGHT.crop(x, s);
      return tabulate(whole.dims, ([b, y, c, ch]) =>
        b === s.B - 1 ? 0 : at(whole, b as number, y as number, c as number, ch as number),
      );
    },
  },
  output_doubled: { merge: (x, s) => RIGHT.merge({ dims: x.dims, data: x.data.map((value) => 2 * value) }, s) },
  thirds_by_token: {
    heads: (x, { L, H, D }) => {
      const all = permute(view(x, x.dims[0] as number, L, H, D, 3), 4, 0, 2, 1, 3);
      const size = all.data.length / 3;
      return [0, 1, 2].map((part) => ({
        dims: all.dims.slice(1),
        data: all.data.subarray(part * size, (part + 1) * size),
      }));
    },
  },
  padded_keys_masked: {
    mask: (u, s) => {
      const right = RIGHT.mask(u, s);
      const columns = s.Wp / s.window[1];
      const isPadded = (l: number) => {
        const w = u % s.nW;
        const y = Math.floor(w / columns) * s.window[0] + Math.floor(l / s.window[1]);
        const x = (w % columns) * s.window[1] + (l % s.window[1]);
        return mod(y + s.shift[0], s.Hp) >= s.Himg || mod(x + s.shift[1], s.Wp) >= s.Wimg;
      };
      return (i, j) => (right?.(i, j) ?? 0) + (isPadded(j) ? -1e4 : 0);
    },
  },
};

function inputs(seed: number): ImageInputs {
  const next = randomNumbers(seed);
  return {
    qkv: randomTensor([3, 11, 13, 36], next),
    relativePositionBias: randomTensor([3, 12, 12], next),
    numHeads: 3,
    windowSize: [3, 4],
    shiftSize: [1, 2],
    paddingQkv: randomTensor([36], next),
  };
}

describe('faults of images that the families were not made with', () => {
  it('the planted kernel is right without a fault', () => {
    const given = inputs(1);
    const right = shiftedWindowAttention(given);
    for (const [n, x] of plantedImageKernel(given).data.entries()) expect(x).toBeCloseTo(right.data[n] as number, 9);
  });

  it.each(Object.entries(FAULTS))('explains %s', (_, fault) => {
    const given = inputs(2);
    const o = plantedImageKernel(given, fault);
    const [first] = diagnose(given, float32Tensor(o.dims, Float32Array.from(o.data)));
    expect(['unexplained', 'correct']).not.toContain(first?.name);
    expect(first?.residual).toBeLessThanOrEqual(0.02);
  });
});
