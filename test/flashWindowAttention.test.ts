import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  flashWindowAttention,
  flashWindowAttentionBackward,
  windowAttention,
  windowAttentionBackward,
} from '../src/reference/index.js';
import type { TensorLike } from '../src/tensor/tensor.js';
import { attentionProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { relativeError } from './support/errors.js';
import { attentionArgsOf, goldenCases, tensorOf } from './support/golden.js';

const GRADIENTS = ['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'] as const;
const cases = [...goldenCases('core'), ...goldenCases('cosine')].filter(({ tensors }) => tensors.dQ);

describe.each([1, 3, 16, undefined])('flash-tiled in chunks of %s (D where undefined)', (chunk) => {
  it.each(cases)('equals the naive reference on golden $name', (golden) => {
    const args = { ...attentionArgsOf(golden), dO: tensorOf(golden, 'dO') };
    const chunkDim = chunk ?? (args.q.dims[3] as number);
    const flash = flashWindowAttention({ ...args, chunkDim });
    const naive = windowAttention(args);
    expect(relativeError(flash.o, naive.o)).toBeLessThanOrEqual(1e-12);
    expect(relativeError(flash.lse, naive.lse)).toBeLessThanOrEqual(1e-12);
    const flashGradients = flashWindowAttentionBackward({ ...args, chunkDim });
    const gradients = windowAttentionBackward(args);
    for (const name of GRADIENTS) {
      const expected = gradients[name];
      expect(flashGradients[name] !== undefined, name).toBe(expected !== undefined);
      if (expected)
        expect(relativeError(flashGradients[name] as TensorLike, expected), name).toBeLessThanOrEqual(1e-12);
    }
  });
});

describe('flashWindowAttention', () => {
  it('equals the naive reference over random shapes and chunks', () => {
    fc.assert(
      fc.property(attentionProblem, fc.integer({ min: 1, max: 70 }), fc.integer(), (args, chunkDim, seed) => {
        const dO = randomTensor(args.q.dims, randomNumbers(seed));
        expect(
          relativeError(flashWindowAttention({ ...args, chunkDim }).o, windowAttention(args).o),
        ).toBeLessThanOrEqual(1e-11);
        const { dQ } = flashWindowAttentionBackward({ ...args, dO, chunkDim });
        const naive = windowAttentionBackward({ ...args, dO }).dQ;
        const scale = naive.data.reduce((max, x) => Math.max(max, Math.abs(x)), 1e-3);
        dQ.data.forEach((x, i) => {
          expect(Math.abs(x - (naive.data[i] as number))).toBeLessThanOrEqual(1e-10 * scale);
        });
      }),
      { numRuns: 200 },
    );
  });

  it.each([0, -1, 1.5, Number.NaN, '16'])('refuses chunkDim %s', (chunkDim) => {
    const tensor = randomTensor([1, 1, 2, 2], randomNumbers(1));
    const call = () => flashWindowAttention({ q: tensor, k: tensor, v: tensor, chunkDim: chunkDim as number });
    expect(call).toThrow(/"chunkDim" expected an integer/);
  });
});
