import { describe, expect, it } from 'vitest';
import { type CaseInputs, checkCase, compare } from '../src/oracle/index.js';
import {
  shiftedWindowAttention,
  shiftedWindowAttentionBackward,
  windowAttention,
  windowAttentionBackward,
} from '../src/reference/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

const tensor = (...values: number[]) => float32Tensor([values.length], Float32Array.of(...values));

describe('compare', () => {
  it('finds the worst element and counts the mismatches', () => {
    const actual = { data: Float32Array.of(1, 2, 3.5, 4, 5, 7), dims: [2, 3] };
    const expected = { data: Float64Array.of(1, 2, 3, 4, 5, 6), dims: [2, 3] };
    expect(compare(actual, expected, { atol: 0, rtol: 0.1 })).toEqual({
      pass: false,
      maxAbsError: 1,
      maxRelError: 1 / 6,
      maxUlpError: 2 ** 21,
      worstIndex: [1, 2],
      actualAtWorst: 7,
      expectedAtWorst: 6,
      mismatches: 2,
    });
    expect(compare(actual, expected, { atol: 1, rtol: 0 }).pass).toBe(true);
  });

  it('counts one float32 step as one ulp, subnormals and zero included', () => {
    expect(compare(tensor(1 + 2 ** -23), tensor(1)).maxUlpError).toBe(1);
    expect(compare(tensor(2 ** -149), tensor(0)).maxUlpError).toBe(1);
    expect(compare(tensor(3 * 2 ** -149), tensor(2 ** -149)).maxUlpError).toBe(2);
  });

  it('matches NaN with NaN and infinities with themselves, and nothing else', () => {
    expect(compare(tensor(NaN, Infinity, -Infinity), tensor(NaN, Infinity, -Infinity)).pass).toBe(true);
    for (const [a, e] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1],
      [1, Infinity],
      [Infinity, -Infinity],
    ] as const) {
      const result = compare(tensor(a), tensor(e));
      expect([result.pass, result.maxAbsError]).toEqual([false, Infinity]);
    }
  });

  it('passes on no elements, and refuses other dims and bad tolerances', () => {
    expect(compare(tensor(), tensor()).pass).toBe(true);
    expect(() => compare(tensor(1), tensor(1, 2))).toThrow(/"actual" expected dims \[2\], got \[1\]/);
    expect(() => compare(tensor(1), tensor(1), { atol: -1 })).toThrow(/"atol" expected a number ≥ 0, got -1/);
    expect(() => compare(tensor(1), tensor(1), { rtol: NaN })).toThrow(/"rtol" expected a number ≥ 0, got NaN/);
  });
});

describe('checkCase', () => {
  const next = randomNumbers(5);
  const random = (...dims: number[]) => randomTensor(dims, next);
  const inputs: CaseInputs = {
    q: random(2, 2, 9, 8),
    k: random(2, 2, 9, 8),
    v: random(2, 2, 9, 8),
    bias: random(2, 9, 9),
    dO: random(2, 2, 9, 8),
  };
  const truth = { ...windowAttention(inputs), ...windowAttentionBackward({ ...inputs, dO: random(2, 2, 9, 8) }) };

  it('passes what is rounded to float32 and nothing that is wrong', () => {
    const o = float32Tensor(truth.o.dims, Float32Array.from(truth.o.data));
    const report = checkCase(inputs, { o, lse: truth.lse });
    expect([report.pass, report.dtype, report.tensors.o?.pass, report.tensors.lse?.pass]).toEqual([
      true,
      'float32',
      true,
      true,
    ]);
    const wrong = float32Tensor(o.dims, o.data.slice());
    wrong.data[100] = (wrong.data[100] as number) + 1e-4;
    const failed = checkCase(inputs, { o: wrong, lse: truth.lse });
    expect([failed.pass, failed.tensors.o?.pass, failed.tensors.lse?.pass]).toEqual([false, false, true]);
    expect(failed.tensors.o?.worstIndex).toEqual([0, 1, 3, 4]);
    expect(failed.tensors.o?.ratio).toBeGreaterThan(100);
    expect(failed.tensors.o?.histogram.reduce((sum, count) => sum + count)).toBe(o.data.length);
    expect(failed.tensors.o?.histogram.slice(5)).toEqual([0, 1]);
  });

  it('judges gradients', () => {
    const gradients = windowAttentionBackward({ ...inputs, dO: inputs.dO ?? inputs.q });
    const report = checkCase(inputs, gradients);
    expect(Object.keys(report.tensors)).toEqual(['dQ', 'dK', 'dV', 'dBias']);
    expect(report.pass).toBe(true);
    expect(checkCase(inputs, { dQ: gradients.dK }).pass).toBe(false);
  });

  it('asks for what it needs', () => {
    expect(() => checkCase(inputs, {})).toThrow(/"actuals" expected one of o, lse/);
    expect(() => checkCase({ ...inputs, dO: undefined }, { dQ: truth.dQ })).toThrow(
      /"dO" expected a tensor beside actual gradients/,
    );
    expect(() => checkCase(inputs, { dLogitScale: truth.dQ })).toThrow(/"actuals.dLogitScale" expected no dLogitScale/);
    expect(() => checkCase(inputs, { o: truth.o }, { dtype: 'int8' as 'float32' })).toThrow(/"dtype" expected one of/);
  });
});

describe('checkCase over images', () => {
  const next = randomNumbers(8);
  const random = (...dims: number[]) => randomTensor(dims, next);
  const inputs = {
    qkv: random(2, 5, 7, 24),
    numHeads: 2,
    windowSize: [3, 4] as const,
    shiftSize: [1, 2] as const,
    relativePositionBias: random(2, 12, 12),
    paddingQkv: random(24),
    dO: random(2, 5, 7, 8),
  };
  const { dO, ...forward } = inputs;
  const o = shiftedWindowAttention(forward);
  const gradients = shiftedWindowAttentionBackward({ ...forward, dO });
  const stored = ({ dims, data }: Tensor) => float32Tensor(dims, Float32Array.from(data as Float64Array));

  it('passes what is rounded to float32, gradients too', () => {
    const { dQkv, dRelativePositionBias } = gradients;
    const actuals = {
      o: stored(o),
      dQkv: stored(dQkv),
      dRelativePositionBias: stored(dRelativePositionBias as Tensor),
    };
    const report = checkCase(inputs, actuals);
    expect(Object.keys(report.tensors)).toEqual(['o', 'dQkv', 'dRelativePositionBias']);
    expect(report.pass).toBe(true);
  });

  it('fails one wrong channel of one pixel, and says where', () => {
    const wrong = stored(o);
    wrong.data[((1 * 5 + 4) * 7 + 2) * 8 + 3] = 9;
    const report = checkCase(inputs, { o: wrong });
    expect([report.pass, report.tensors.o?.worstIndex]).toEqual([false, [1, 4, 2, 3]]);
    const dQkv = stored(gradients.dQkv);
    dQkv.data[20] = 9;
    expect(checkCase(inputs, { dQkv }).tensors.dQkv?.worstIndex).toEqual([0, 0, 0, 20]);
  });

  it('asks for what it needs', () => {
    expect(() => checkCase(forward, { dQkv: gradients.dQkv })).toThrow(
      /"dO" expected a tensor beside actual gradients/,
    );
    expect(() => checkCase(inputs, { lse: o })).toThrow(/"actuals" expected only o, dQkv, .* got "lse"/);
    expect(() => checkCase({ ...inputs, numHeads: 5 }, { o })).toThrow(/"qkv" expected/);
  });
});
