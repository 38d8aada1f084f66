import { expect, it } from 'vitest';
import { diagnose, type ImageCaseActuals } from '../src/oracle/index.js';
import { shiftedWindowAttentionBackward } from '../src/reference/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

const next = randomNumbers(3);
const [B, Himg, Wimg, H, D] = [2, 11, 13, 2, 4];
const C = H * D;
const inputs = {
  qkv: randomTensor([B, Himg, Wimg, 3 * C], next, 1.5),
  relativePositionBias: randomTensor([H, 12, 12], next),
  numHeads: H,
  windowSize: [3, 4] as const,
  shiftSize: [1, 2] as const,
  dO: randomTensor([B, Himg, Wimg, C], next),
};
const cosine = { ...inputs, logitScale: randomTensor([H], next) };

/** Gradients as a kernel in float32 returns them. */
function gradients(args: Parameters<typeof shiftedWindowAttentionBackward>[0]): ImageCaseActuals {
  const entries = Object.entries(shiftedWindowAttentionBackward(args)) as [string, Tensor<Float64Array>][];
  return Object.fromEntries(
    entries.map(([name, { dims, data }]) => [name, float32Tensor(dims, Float32Array.from(data))]),
  );
}

/** The first of a tensor's images. */
const firstOf = ({ dims, data }: Tensor) =>
  float32Tensor([1, ...dims.slice(1)], Float32Array.from((data as Float32Array).subarray(0, data.length / B)));
const names = (diagnoses: object) =>
  Object.fromEntries(Object.entries(diagnoses).map(([name, [first]]) => [name, first.name]));

it('finds nothing wrong in right gradients of images', () => {
  expect(diagnose(inputs, gradients(inputs))).toEqual({});
  expect(diagnose(cosine, gradients(cosine))).toEqual({});
});

it.each([
  ['of a shift that is missing', inputs, { shiftSize: 0 }, 'shift_missing'],
  ['of cosine attention without the shift', cosine, { shiftSize: 0 }, 'shift_missing'],
  ['without the scale', inputs, { scale: 1 }, 'scale_missing'],
  [
    'with a transposed bias',
    inputs,
    { relativePositionBias: transposed(inputs.relativePositionBias) },
    'bias_transposed',
  ],
] as const)('explains every gradient %s', (_, right, changes, fault) => {
  const { dRelativePositionBias, ...rest } = gradients({ ...right, ...changes });
  const named = names(diagnose(right, fault === 'bias_transposed' ? rest : { ...rest, dRelativePositionBias }));
  expect(Object.keys(named).length).toBeGreaterThan(0);
  for (const name of Object.values(named)) expect(name).toBe(fault);
});

it('explains thirds of dQkv in another order', () => {
  const { dQkv } = gradients(inputs) as { dQkv: Tensor<Float32Array> };
  const rotated = dQkv.data.map((_, at) => {
    const channel = at % (3 * C);
    return dQkv.data[at - channel + ((channel + C) % (3 * C))] as number;
  });
  expect(names(diagnose(inputs, { dQkv: float32Tensor(dQkv.dims, rotated) }))).toEqual({ dQkv: 'qkv_order_vqk' });
});

it('explains a sum over the first image alone', () => {
  const { dRelativePositionBias } = gradients({ ...inputs, qkv: firstOf(inputs.qkv), dO: firstOf(inputs.dO) });
  const [first] = diagnose(inputs, { dRelativePositionBias }).dRelativePositionBias ?? [];
  expect(first?.explanation).toContain('the first image alone');
});

function transposed({ dims, data }: Tensor): Tensor {
  const L = dims[2] as number;
  const from = (at: number) => at - (at % L ** 2) + (at % L) * L + (Math.floor(at / L) % L);
  return float32Tensor(
    dims,
    Float32Array.from(data as Float32Array, (_, at) => data[from(at)] as number),
  );
}
