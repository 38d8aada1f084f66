import { describe, expect, it } from 'vitest';
import { diagnose, makeVectors } from '../src/oracle/index.js';
import { shiftedWindowMask, windowAttention } from '../src/reference/index.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import { plantedCase } from './support/plantedKernel.js';

const SHAPE = [4, 2, 16, 8] as const;
const rightOutput = ({ inputs }: ReturnType<typeof plantedCase>) => {
  const { dO: _, ...forward } = inputs;
  return Float32Array.from(windowAttention(forward).o.data);
};

describe('diagnose', () => {
  it('explains a single wrong element by no formula', () => {
    for (let seed = 1; seed <= 24; seed++) {
      const problem = plantedCase(seed, SHAPE, 2);
      const o = rightOutput(problem);
      const at = (seed * 6151) % o.length;
      o[at] = (o[at] as number) * (seed % 2 ? -1.7 : 1.3) + (seed % 3 ? 0.5 : -0.75);
      const [first] = diagnose(problem.inputs, float32Tensor(problem.inputs.q.dims, o));
      expect(first?.name, `seed ${seed}: ${first?.explanation}`).toBe('uninitialised_row');
      expect(first?.where?.rows).toEqual([Math.floor(at / 8) % 16]);
    }
  });

  it.each([
    ['all_zeros', 0],
    ['all_nan', Number.NaN],
    ['all_constant', -7.5],
  ])('calls an output of one value %s', (name, value) => {
    const problem = plantedCase(1, SHAPE, 2);
    const { dims, data } = problem.inputs.q;
    const [first] = diagnose(problem.inputs, float32Tensor(dims, new Float32Array(data.length).fill(value)));
    expect([first?.name, first?.residual]).toEqual([name, 0]);
  });

  it.each([
    ['not_stored', 0],
    ['fill_value', 123.25],
  ])('calls the last rows of an output that was filled before %s', (name, value) => {
    const problem = plantedCase(2, SHAPE, 2);
    const o = rightOutput(problem).map((x, at) => (Math.floor(at / 8) % 16 >= 12 ? value : x));
    const [first] = diagnose(problem.inputs, float32Tensor(problem.inputs.q.dims, o));
    expect([first?.name, first?.where?.rows]).toEqual([name, [12, 13, 14, 15]]);
  });

  it('says that rows of NaN are those whose every key is masked', () => {
    const problem = plantedCase(3, SHAPE, 2);
    const isMasked = (row: number) => row % 16 === 5 && Math.floor(row / 32) % 2 === 1;
    const mask = float32Tensor(
      problem.inputs.mask.dims,
      problem.inputs.mask.data.map((x, at) => (Math.floor(at / 16) === 16 + 5 ? Number.NEGATIVE_INFINITY : x)),
    );
    const { dO: _, ...forward } = { ...problem.inputs, mask };
    const o = Float32Array.from(windowAttention(forward).o.data, (x, at) =>
      isMasked(Math.floor(at / 8)) ? Number.NaN : x,
    );
    const [first] = diagnose(forward, float32Tensor(problem.inputs.q.dims, o));
    expect(first?.name).toBe('nan_in_masked_rows');
  });

  describe('of shifted windows', () => {
    const mask = shiftedWindowMask(8, 8, 4, 2);
    const forward = { ...makeVectors({ shape: [8, 2, 16, 16], bias: true, seed: 1 }), mask };
    const masked = (data: Float64Array) => ({ ...forward, mask: { ...mask, data } });
    const rounded = ({ data, dims }: { data: Float64Array; dims: readonly number[] }) =>
      float32Tensor(dims, Float32Array.from(data));

    it.each([
      ['mask_chunk_not_advanced', (j: number) => j % 4],
      ['mask_last_chunk_repeated', (j: number) => 12 + (j % 4)],
    ])('finds %s, which the rows that are looked at first do not tell from many others', (name, keyOf) => {
      const read = mask.data.map((_, at) => mask.data[at - (at % 16) + keyOf(at % 16)] as number);
      const [first] = diagnose(forward, rounded(windowAttention(masked(read)).o));
      expect(first?.name).toBe(name);
      expect(first?.residual).toBeLessThan(1e-6);
    });
  });

  it('explains an error as small as that of a lower precision', () => {
    const { bias, ...vectors } = makeVectors({ shape: [16, 2, 16, 16], bias: true, seed: 1 });
    const withBias = (at: (i: number, j: number) => number) => ({
      ...vectors,
      bias: float32Tensor(
        [2, 16, 16],
        Float32Array.from({ length: 512 }, (_, n) => 0.01 * Number(bias?.data[(n & ~255) + at((n >> 4) & 15, n & 15)])),
      ),
    });
    const { o } = windowAttention(withBias((i, j) => 16 * j + i));
    const right = withBias((i, j) => 16 * i + j);
    const [first] = diagnose(right, float32Tensor(o.dims, Float32Array.from(o.data)));
    expect(first?.name).toBe('bias_transposed');
    expect(first?.residual).toBeLessThan(1e-6);
  });
});
