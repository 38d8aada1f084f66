import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { windowAttention } from '../src/reference/index.js';
import { float32Tensor, float64Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { attentionProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { maxAbs, maxError, relativeError, shareOfBound } from './support/errors.js';
import { attentionArgsOf, type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { roundedWindowAttention } from './support/roundedWindowAttention.js';
import { roundingBounds } from './support/roundingBounds.js';

const cases = [...goldenCases('core'), ...goldenCases('cosine')].filter(({ tensors }) => tensors.o);
const isStress = ({ name }: GoldenCase) => name.startsWith('stress_');

describe('windowAttention, the reference', () => {
  it.each(cases)('agrees with golden $name', (golden) => {
    const { o, lse } = windowAttention(attentionArgsOf(golden));
    const expected = tensorOf(golden, 'o');
    // Subnormal values: one unit of float64's own last place.
    const bound = Math.max((isStress(golden) ? 1e-11 : 1e-12) * maxAbs(expected), 2 ** -1074);
    expect(maxError(o, expected)).toBeLessThanOrEqual(bound);
    if (golden.tensors.lse) expect(relativeError(lse, tensorOf(golden, 'lse'))).toBeLessThanOrEqual(1e-12);
  });

  it('gives zeros and lse −∞ for a row of −∞ alone, and keeps NaN in its row', () => {
    const tensor = randomTensor([1, 1, 3, 2], randomNumbers(1));
    const mask = float64Tensor([1, 3, 3], Float64Array.of(0, 0, 0, -Infinity, -Infinity, -Infinity, 0, 0, NaN));
    const { o, lse } = windowAttention({ q: tensor, k: tensor, v: tensor, mask });
    expect([...o.data.slice(2, 4)]).toEqual([0, 0]);
    expect(lse.data[1]).toBe(-Infinity);
    expect([...o.data].map(Number.isNaN)).toEqual([false, false, false, false, true, true]);
  });
});

describe.each(BACKENDS)('forward on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(cases)('agrees with golden $name', async (golden) => {
    const args = attentionArgsOf(golden);
    const { o, lse } = await attention.forward(args, { lse: true });
    const expected = tensorOf(golden, 'o');
    const naive = roundedWindowAttention(args).o ?? o;
    const naiveError = isStress(golden) ? 2 * maxError(naive, expected) : 0;
    expect(maxError(o, expected)).toBeLessThanOrEqual(naiveError + 1e-6 * maxAbs(args.v));
    if (golden.tensors.lse) {
      expect(maxError(lse ?? o, tensorOf(golden, 'lse'))).toBeLessThanOrEqual(
        1e-6 * (1 + maxAbs(tensorOf(golden, 'lse'))),
      );
    }
  });

  it('agrees with the reference over random shapes, masks and scales', async () => {
    await fc.assert(
      fc.asyncProperty(attentionProblem, async (args) => {
        const { o, lse } = await attention.forward(args, { lse: true });
        const truth = windowAttention(args);
        const bounds = roundingBounds(args);
        for (const [name, actual] of Object.entries({ o, lse }))
          expect(
            shareOfBound(actual as TensorLike, truth[name as 'o'], bounds[name] as TensorLike),
            name,
          ).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('stays finite where the truth is, whatever the magnitude', async () => {
    const magnitudes = fc.constantFrom(1e-38, 1e-20, 1, 1e8, 1e18);
    await fc.assert(
      fc.asyncProperty(magnitudes, magnitudes, fc.integer(), async (scores, values, seed) => {
        const next = randomNumbers(seed);
        const dims = [1, 2, 13, 5];
        const v = randomTensor(dims, next, values * 3e20);
        const { o } = await attention.forward({
          q: randomTensor(dims, next, scores),
          k: randomTensor(dims, next, scores),
          v,
        });
        expect((o.data as Float32Array).every(Number.isFinite)).toBe(true);
        expect(maxAbs(o)).toBeLessThanOrEqual(maxAbs(v) * (1 + 1e-6));
      }),
    );
  });

  it('gives zeros and lse −∞ for a row of −∞ alone, and keeps NaN in the rows that it touches', async () => {
    const next = randomNumbers(2);
    const dims = [1, 2, 9, 4];
    const q = randomTensor(dims, next);
    const mask = randomTensor([1, 9, 9], next);
    mask.data.fill(-Infinity, 9, 18);
    q.data[3 * 4] = NaN;
    const { o, lse } = await attention.forward(
      { q, k: randomTensor(dims, next), v: randomTensor(dims, next), mask },
      { lse: true },
    );
    const rows = Array.from({ length: 18 }, (_, i) => [...(o.data as Float32Array).slice(4 * i, 4 * i + 4)]);
    expect(rows[1]).toEqual([0, 0, 0, 0]);
    expect(lse?.data[1]).toBe(-Infinity);
    expect(rows.map((row) => row.some(Number.isNaN))).toEqual(rows.map((_, i) => i === 3));
  });

  it('agrees in lse and o where P is scaled, so that its sum over huge values stays finite', async () => {
    for (const L of [1, 2, 7, 13, 33]) {
      const next = randomNumbers(L);
      const dims = [1, 2, L, 5];
      const args = { q: randomTensor(dims, next), k: randomTensor(dims, next), v: randomTensor(dims, next, 3e38) };
      const { o, lse } = await attention.forward(args, { lse: true });
      const truth = windowAttention(args);
      expect(maxError(o, truth.o)).toBeLessThanOrEqual(2e-6 * 3e38);
      expect(maxError(lse ?? o, truth.lse)).toBeLessThanOrEqual(2e-6 * (1 + maxAbs(truth.lse)));
    }
  });

  it('takes rows of any norm by their direction alone, times the logit factor', async () => {
    for (const norm of [1e-18, 1e-6, 1, 1e18, 1e30]) {
      const next = randomNumbers(8);
      const dims = [1, 2, 9, 6];
      const logitScale = float32Tensor([2], Float32Array.of(Math.log(3), Math.log(40)));
      const args = {
        q: randomTensor(dims, next, norm),
        k: randomTensor(dims, next),
        v: randomTensor(dims, next),
        logitScale,
      };
      const { o, lse } = await attention.forward(args, { lse: true });
      const swapped = await attention.forward({ ...args, q: args.k, k: args.q });
      const truth = windowAttention(args);
      expect(maxError(o, truth.o), `norm ${norm}`).toBeLessThanOrEqual(2e-5);
      expect(maxError(lse ?? o, truth.lse), `norm ${norm}`).toBeLessThanOrEqual(4e-5);
      expect(maxError(swapped.o, windowAttention({ ...args, q: args.k, k: args.q }).o)).toBeLessThanOrEqual(2e-5);
    }
  });

  it('gives equal keys equal scores, wherever they stand among the tiles', async () => {
    const next = randomNumbers(6);
    for (const [L, D] of [
      [49, 32],
      [13, 5],
      [15, 20],
      [64, 64],
      [4, 70],
    ] as const) {
      const key = randomTensor([D], next).data;
      const k = float32Tensor(
        [1, 1, L, D],
        Float32Array.from({ length: L * D }, (_, i) => key[i % D] as number),
      );
      const v = randomTensor([1, 1, L, D], next);
      const { o } = await attention.forward({ q: randomTensor([1, 1, L, D], next), k, v });
      const rows = o.data as Float32Array;
      for (let i = 1; i < L; i++) expect(rows.subarray(i * D, (i + 1) * D)).toEqual(rows.subarray(0, D));
    }
  });

  it('gives the same bits on every run', async () => {
    const next = randomNumbers(3);
    const dims = [6, 2, 49, 32];
    const args = { q: randomTensor(dims, next), k: randomTensor(dims, next), v: randomTensor(dims, next) };
    const first = await attention.forward(args);
    const second = await attention.forward(args);
    expect(second.o.data).toEqual(first.o.data);
  });
});
