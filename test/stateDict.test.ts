import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SwinForImageClassification } from '../src/swin/index.js';
import { quantizeStateDict } from '../src/swin/quantizeStateDict.js';
import { StateDict } from '../src/swin/stateDict.js';
import type { TensorLike } from '../src/tensor/tensor.js';
import { smallSwin } from './support/smallSwin.js';

const data = Int8Array.of(1, -2, 3, -4, 5, -6);
const scales = { data: Float32Array.of(0.5, 0.25), dims: [2, 1] };
const matrix = (own: unknown) => new StateDict({ w: own as TensorLike, w_scale: scales });

describe('the state dict', () => {
  it('takes an int8 matrix of the dims that the config implies, with its scales', () => {
    const taken = matrix({ data, dims: [2, 3] }).takeMatrix('w', [2, 3]).value;
    expect(taken).toEqual({ data, dims: [2, 3], scales: scales.data, type: 'int8' });
  });

  it('takes one of another realm', () => {
    const foreign = runInNewContext('({ data: Int8Array.of(1, -2, 3, -4, 5, -6), dims: [2, 3] })') as TensorLike;
    expect(matrix(foreign).takeMatrix('w', [2, 3])).toMatchObject({ type: 'int8', dims: [2, 3] });
  });

  // Whatever is wrong with dims, the error is ours and names the tensor; a trap or the engine's own words would be neither.
  it.each([
    undefined,
    null,
    6,
    'two',
    {},
    [],
    [6],
    [3, 2],
    [-2, -3],
    [2, 3, 1],
    [2, 2.5],
    [2, Number.NaN],
    ['2', '3'],
    [2n, 3n],
    [Symbol('two'), 3],
    [{}, null],
    { length: 2, 0: 2, 1: 3 },
    runInNewContext('[3, 2]'),
  ])('refuses an int8 matrix of dims %o by name', (dims) => {
    const call = () => matrix({ data, dims }).takeMatrix('w', [2, 3]);
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/"w" expected dims \[2, 3\], got \[[\d, -]*\]/);
  });

  it.each([undefined, null, 7, 'tensor', {}, { data: [1, 2] }, { data, dims: [2, 3], type: 'float32' }])(
    'refuses %o as a tensor by name',
    (own) => {
      for (const dims of [
        [3, 3],
        [1, 2],
      ] as [number, number][])
        expect(() => matrix(own).takeMatrix('w', dims)).toThrow(/"w(\.dims|\.data)?" expected/);
      expect(() => matrix(own).take('w', [2, 3])).toThrow(/"w(\.dims|\.data)?" expected/);
    },
  );

  it('has no tensors where it is given a Map, and waits for none', async () => {
    const { tensors, config } = smallSwin();
    const map = new Map(Object.entries(tensors)) as never;
    await expect(SwinForImageClassification.fromStateDict(map, config)).rejects.toThrow(
      /expected: a Swin by the names .* got none$/,
    );
  });

  it('refuses strange dims of every matrix of a model', () => {
    const { tensors, config } = smallSwin();
    const int8 = quantizeStateDict(tensors, config).tensors;
    const names = Object.keys(int8).filter((name) => int8[name]?.type === 'int8');
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) {
      const changed = { ...int8, [name]: { ...(int8[name] as TensorLike), dims: [{}, null] } };
      expect(() => quantizeStateDict(changed as never, config), name).toThrow(`tensor "${name}" expected dims`);
    }
  });
});
