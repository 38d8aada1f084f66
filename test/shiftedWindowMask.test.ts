import { describe, expect, it } from 'vitest';
import { relativePositionBias, relativePositionIndex, shiftedWindowMask } from '../src/reference/index.js';
import { float64Tensor } from '../src/tensor/tensor.js';
import { goldenCases } from './support/golden.js';

describe('shiftedWindowMask', () => {
  it.each(goldenCases('layers').filter(({ tensors }) => tensors.attnMask))(
    'equals the attn_mask of golden $name bit by bit',
    ({ params, tensors }) => {
      const [H, W] = params.resolution as [number, number];
      const mask = shiftedWindowMask(H, W, params.windowSize as number, params.shiftSize as number);
      expect(mask.dims).toEqual(tensors.attnMask?.dims);
      expect(mask.data).toEqual(Float64Array.from(tensors.attnMask?.data as Float32Array));
    },
  );

  it('is zero without a shift', () => {
    expect(shiftedWindowMask(8, 8, 4, 0).data.every((x) => x === 0)).toBe(true);
  });

  it('refuses a shift of a window or more, and windows that do not divide the image', () => {
    expect(() => shiftedWindowMask(8, 8, 4, 4)).toThrow(/"shiftSize" expected less than windowSize/);
    expect(() => shiftedWindowMask(8, 9, 4, 1)).toThrow(/"windowSize" expected a window that divides/);
  });
});

describe('relativePositionIndex', () => {
  it('counts rows of the table from the bottom right offset', () => {
    expect([...relativePositionIndex([1, 2]).data]).toEqual([1, 0, 2, 1]);
    expect([...relativePositionIndex(2).data]).toEqual([4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4]);
  });

  it('expands a table to every pair of tokens', () => {
    const table = float64Tensor([3, 2], Float64Array.of(1, 2, 3, 4, 5, 6));
    expect([...relativePositionBias(table, [1, 2]).data]).toEqual([3, 1, 5, 3, 4, 2, 6, 4]);
    expect(() => relativePositionBias(table, 2)).toThrow(/"table" expected dims \[\(2Wh−1\)\(2Ww−1\), H\] = \[9, \?\]/);
  });
});
