import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { shiftedWindowAttention, shiftedWindowAttentionBackward } from '../src/reference/index.js';
import { float64Tensor, type TensorLike, toFloat64 } from '../src/tensor/tensor.js';
import { imageProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { relativeError, shareOfBound } from './support/errors.js';
import { imageRoundingBounds } from './support/roundingBounds.js';

const GRADIENTS = ['dQkv', 'dRelativePositionBias', 'dLogitScale'] as const;

describe('shiftedWindowAttentionBackward, the reference', () => {
  it.each(['qkv', 'relativePositionBias', 'logitScale'] as const)('agrees with finite differences in %s', (name) => {
    const next = randomNumbers(9);
    const args = {
      qkv: randomTensor([1, 5, 4, 12], next),
      numHeads: 2,
      windowSize: [2, 3] as [number, number],
      shiftSize: [1, 1] as [number, number],
      relativePositionBias: randomTensor([2, 6, 6], next),
      logitScale: randomTensor([2], next),
      paddingQkv: randomTensor([12], next),
    };
    const dO = randomTensor([1, 5, 4, 4], next);
    const { dQkv, dRelativePositionBias, dLogitScale } = shiftedWindowAttentionBackward({ ...args, dO });
    const gradient = { qkv: dQkv, relativePositionBias: dRelativePositionBias, logitScale: dLogitScale }[name];
    const x = toFloat64(args[name]);
    const loss = (values: Float64Array) => {
      const o = shiftedWindowAttention({ ...args, [name]: float64Tensor(args[name].dims, values) });
      return o.data.reduce((sum, value, i) => sum + value * (dO.data[i] as number), 0);
    };
    const step = 1e-5;
    const estimate = x.map((value, i) => (loss(x.with(i, value + step)) - loss(x.with(i, value - step))) / (2 * step));
    const expected = float64Tensor(args[name].dims, estimate);
    expect(relativeError(gradient as TensorLike, expected)).toBeLessThan(1e-7);
  });
});

describe.each(BACKENDS)('shiftedWindowAttentionBackward on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it('agrees with the reference over random images, windows, shifts, padding and dtypes', async () => {
    await fc.assert(
      fc.asyncProperty(imageProblem, fc.integer(), async (args, seed) => {
        const dims = [...args.qkv.dims.slice(0, 3), (args.qkv.dims[3] as number) / 3];
        const dO = randomTensor(dims, randomNumbers(seed));
        const actual = await attention.shiftedWindowAttentionBackward({ ...args, dO });
        const truth = shiftedWindowAttentionBackward({ ...args, dO });
        const bounds = imageRoundingBounds({ ...args, dO });
        for (const name of GRADIENTS) {
          const expected = truth[name];
          expect(actual[name] !== undefined, name).toBe(expected !== undefined);
          if (!expected) continue;
          const share = shareOfBound(actual[name] as TensorLike, expected, bounds[name] as TensorLike);
          expect(share, name).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('gives the same bits wherever the image lies', async () => {
    const next = randomNumbers(4);
    const qkv = randomTensor([2, 9, 9, 24], next);
    const dO = randomTensor([2, 9, 9, 8], next);
    const bias = randomTensor([2, 16, 16], next);
    const place = ({ dims, data }: { dims: readonly number[]; data: Float32Array }) => {
      const own = attention.tensor(dims);
      own.data.set(data);
      return own;
    };
    const common = { numHeads: 2, windowSize: 4, shiftSize: 2 };
    const outside = await attention.shiftedWindowAttentionBackward({ ...common, qkv, dO, relativePositionBias: bias });
    const own = { qkv: place(qkv), dO: place(dO), relativePositionBias: place(bias) };
    const inside = await attention.shiftedWindowAttentionBackward({ ...common, ...own });
    for (const name of ['dQkv', 'dRelativePositionBias'] as const)
      expect(inside[name]?.data).toEqual(outside[name]?.data);
    const forward = await attention.shiftedWindowAttention({ ...common, ...own });
    const expected = await attention.shiftedWindowAttention({ ...common, qkv, relativePositionBias: bias });
    expect(forward.data).toEqual(expected.data);
  });

  it('refuses dO of other dims', async () => {
    const next = randomNumbers(5);
    const args = { qkv: randomTensor([1, 4, 4, 12], next), numHeads: 2, windowSize: 2 };
    const call = attention.shiftedWindowAttentionBackward({ ...args, dO: randomTensor([1, 4, 4, 12], next) });
    await expect(call).rejects.toThrow(/"dO" expected dims \[B, Himg, Wimg, C\] = \[1, 4, 4, 4\], got \[1, 4, 4, 12\]/);
  });
});
