import type { Tensor } from 'flash-window-attention';
import type { CaseInputs } from 'flash-window-attention/oracle';
import { windowAttention, windowAttentionBackward } from 'flash-window-attention/reference';
import { B, D, faultInputs, float32, forward, H, L, type PlantedFault, type Reals, remade, run } from './inputs.js';

const GROUP = 'Stores and fills';
const fault = forward(GROUP);

/** A fault of inputs that show it, in o: faults of a range need scores, or values, beyond it. */
const ranged = (
  name: string,
  text: string,
  change: (inputs: ReturnType<typeof faultInputs>) => CaseInputs,
  wrong: (right: Reals, lse: (b: number, h: number, i: number) => number, inputs: CaseInputs) => Reals,
): PlantedFault => ({
  name,
  text,
  group: GROUP,
  plant(seed) {
    const { dO: _, ...inputs } = change(faultInputs(seed));
    const { o, lse } = windowAttention(inputs);
    const lseAt = (b: number, h: number, i: number) => lse.data[(b * H + h) * L + i] as number;
    return { inputs, actuals: { o: float32(wrong(o, lseAt, inputs)) } };
  },
});

const lse = (name: string, text: string, of: (x: number) => number): PlantedFault => ({
  name,
  text,
  group: GROUP,
  plant(seed) {
    const { dO: _, ...inputs } = faultInputs(seed);
    return { inputs, actuals: { lse: float32(remade(windowAttention(inputs).lse, (x, ...at) => of(x(...at)))) } };
  },
});

/** −∞ where the shift mask holds −100. */
const infinite = (inputs: ReturnType<typeof faultInputs>) => ({
  ...inputs,
  mask: remade(inputs.mask, (x, ...at) => (x(...at) < 0 ? Number.NEGATIVE_INFINITY : 0)),
});
/** Every key of the odd queries masked in the last window of an image, in the others none. */
const someRowsMasked = (inputs: ReturnType<typeof faultInputs>) => ({
  ...inputs,
  mask: remade(inputs.mask, (_, w, i) => (w === 3 && i % 2 === 1 ? Number.NEGATIVE_INFINITY : 0)),
});
/** In two windows of an image, the first four keys of two queries in three are masked, and the fifth of the others. */
const firstTileMasked = (inputs: ReturnType<typeof faultInputs>) => ({
  ...inputs,
  mask: remade(inputs.mask, (_, w, i, j) => (w > 1 && (i % 3 > 0 ? j < 4 : j === 4) ? Number.NEGATIVE_INFINITY : 0)),
});
const maskAt = ({ mask }: CaseInputs, b: number, i: number, j: number) => {
  const { data, dims } = mask as NonNullable<CaseInputs['mask']>;
  return Number(data[((b % (dims[0] as number)) * L + i) * L + j]);
};

/** Results that are stored at wrong places, changed on the way, or not there at all. */
export const STORE_FAULTS: readonly PlantedFault[] = [
  fault('all_nan', 'the output is NaN throughout', (inputs) => remade(run(inputs), () => Number.NaN)),
  fault('all_constant', 'the output still holds the number that it was filled with', (inputs) =>
    remade(run(inputs), () => 7),
  ),
  fault('fill_value', 'the last four features keep what the output was filled with', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => (d < D - 4 ? x(b, h, i, d) : 7)),
  ),
  fault('o_sign', 'the output has the wrong sign', (inputs) => remade(run(inputs), (x, ...at) => -x(...at))),
  fault('o_scaled', 'the output is multiplied by 1.7', (inputs) => remade(run(inputs), (x, ...at) => 1.7 * x(...at))),
  fault('o_shifted', '0.3 is added to the output', (inputs) => remade(run(inputs), (x, ...at) => x(...at) + 0.3)),
  fault('windows_swapped', 'the outputs of neighbouring windows are exchanged', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => x(b ^ 1, h, i, d)),
  ),
  fault('absolute_value', 'the output lost its signs', (inputs) =>
    remade(run(inputs), (x, ...at) => Math.abs(x(...at))),
  ),
  fault('negatives_dropped', 'negative outputs are stored as 0', (inputs) =>
    remade(run(inputs), (x, ...at) => Math.max(0, x(...at))),
  ),
  fault('rounded_to_integers', 'the output is rounded to whole numbers', (inputs) =>
    remade(run(inputs), (x, ...at) => Math.round(x(...at))),
  ),
  fault('truncated_to_integers', 'the output is cut to whole numbers', (inputs) =>
    remade(run(inputs), (x, ...at) => Math.trunc(x(...at))),
  ),
  fault('summed_over_heads', 'every head holds the sum of all', (inputs) =>
    remade(run(inputs), (x, b, _, i, d) => x(b, 0, i, d) + x(b, 1, i, d)),
  ),
  fault('averaged_over_heads', 'every head holds the mean of all', (inputs) =>
    remade(run(inputs), (x, b, _, i, d) => (x(b, 0, i, d) + x(b, 1, i, d)) / H),
  ),
  fault('summed_over_windows', 'every window holds the sum of all', (inputs) => {
    const o = run(inputs);
    return remade(o, (x, _, h, i, d) => sumOverWindows(x, h, i, d));
  }),
  fault('averaged_over_windows', 'every window holds the mean of all', (inputs) => {
    const o = run(inputs);
    return remade(o, (x, _, h, i, d) => sumOverWindows(x, h, i, d) / B);
  }),
  fault('nan_elements', 'one head is NaN', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => (h === 1 ? Number.NaN : x(b, h, i, d))),
  ),
  fault('infinite_elements', 'the outputs of every other query and some more are infinite', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => ((b + i) % 2 === 1 ? Number.POSITIVE_INFINITY : x(b, h, i, d))),
  ),
  ranged('nan_in_masked_rows', 'rows whose every key is masked become NaN', someRowsMasked, (right, _, inputs) =>
    remade(right, (x, b, h, i, d) => (maskAt(inputs, b, i, 0) < 0 ? Number.NaN : x(b, h, i, d))),
  ),
  ranged('nan_from_infinite_mask', 'rows whose mask holds −∞ become NaN', infinite, (right, _, inputs) =>
    remade(right, (x, b, h, i, d) =>
      Array.from({ length: L }, (_, j) => maskAt(inputs, b, i, j)).includes(Number.NEGATIVE_INFINITY)
        ? Number.NaN
        : x(b, h, i, d),
    ),
  ),
  ranged(
    'nan_in_masked_tiles',
    'a first tile of keys that are all masked makes NaN',
    firstTileMasked,
    (right, _, inputs) => remade(right, (x, b, h, i, d) => (maskAt(inputs, b, i, 3) < 0 ? Number.NaN : x(b, h, i, d))),
  ),
  ranged(
    'exponential_overflows',
    'the maximum is not subtracted, and large scores overflow',
    (inputs) => ({ ...inputs, q: remade(inputs.q, (x, b, h, i, d) => (i < 3 ? 60 : 0.1) * x(b, h, i, d)) }),
    (right, lseAt) => remade(right, (x, b, h, i, d) => (i < 3 && lseAt(b, h, i) > 11 ? Number.NaN : x(b, h, i, d))),
  ),
  ranged(
    'exponential_underflows',
    'the maximum is not subtracted, and small scores underflow',
    (inputs) => ({ ...inputs, bias: remade(inputs.bias, (x, h, i, j) => x(h, i, j) - (i < 3 ? 200 : 0)) }),
    (right) => remade(right, (x, b, h, i, d) => (i < 3 ? Number.NaN : x(b, h, i, d))),
  ),
  ranged(
    'float16_overflows',
    'values beyond 65504 overflow float16',
    (inputs) => ({ ...inputs, v: remade(inputs.v, (x, b, h, i, d) => (d % 5 === 1 ? 1e6 : 1) * x(b, h, i, d)) }),
    (right) => remade(right, (x, ...at) => (Math.abs(x(...at)) > 65504 ? Math.sign(x(...at)) / 0 : x(...at))),
  ),
  lse('lse_times_ln2', 'lse is multiplied by ln 2', (x) => x * Math.LN2),
  lse('lse_shifted', 'ln 16 is added to lse', (x) => x + Math.log(L)),
  {
    name: 'dbias_not_summed',
    text: 'dBias holds the last window alone',
    group: GROUP,
    plant(seed) {
      const inputs = faultInputs(seed);
      const last = ({ data, dims: [count = 1, ...rest], type }: Tensor): Tensor => ({
        data: data.slice(data.length - data.length / count),
        dims: [1, ...rest],
        type,
      });
      const { q, k, v, dO, bias, mask } = inputs;
      const one = { q: last(q), k: last(k), v: last(v), dO: last(dO), mask: last(mask) };
      const { dBias } = windowAttentionBackward({ ...one, bias });
      return { inputs, actuals: { dBias: float32(dBias as Reals) } };
    },
  },
];

function sumOverWindows(x: (...at: number[]) => number, h: number, i: number, d: number): number {
  let sum = 0;
  for (let b = 0; b < B; b++) sum += x(b, h, i, d);
  return sum;
}
