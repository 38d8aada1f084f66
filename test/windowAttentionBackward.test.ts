import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { windowAttention, windowAttentionBackward } from '../src/reference/index.js';
import { float32Tensor, float64Tensor, type TensorLike, toFloat64 } from '../src/tensor/tensor.js';
import { attentionProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { relativeError, shareOfBound } from './support/errors.js';
import { attentionArgsOf, goldenCases, tensorOf } from './support/golden.js';
import { roundingBounds } from './support/roundingBounds.js';

const GRADIENTS = ['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'] as const;
const cases = [...goldenCases('core'), ...goldenCases('cosine')].filter(({ tensors }) => tensors.dQ);

describe('windowAttentionBackward, the reference', () => {
  it.each(cases)('agrees with golden $name', (golden) => {
    const gradients = windowAttentionBackward({ ...attentionArgsOf(golden), dO: tensorOf(golden, 'dO') });
    for (const name of GRADIENTS) {
      const expected = golden.tensors[name];
      expect(gradients[name] !== undefined, name).toBe(expected !== undefined);
      if (expected) expect(relativeError(gradients[name] as TensorLike, expected), name).toBeLessThanOrEqual(1e-12);
    }
  });

  it.each(['q', 'k', 'v', 'bias', 'logitScale'] as const)('agrees with finite differences in %s', (name) => {
    const next = randomNumbers(7);
    const args = {
      q: randomTensor([2, 2, 5, 3], next),
      k: randomTensor([2, 2, 5, 3], next),
      v: randomTensor([2, 2, 5, 3], next),
      bias: randomTensor([2, 5, 5], next),
      mask: randomTensor([2, 5, 5], next),
      logitScale: randomTensor([2], next),
    };
    const dO = randomTensor([2, 2, 5, 3], next);
    const gradients = windowAttentionBackward({ ...args, dO });
    const gradient = {
      q: gradients.dQ,
      k: gradients.dK,
      v: gradients.dV,
      bias: gradients.dBias,
      logitScale: gradients.dLogitScale,
    }[name];
    const loss = (changed: TensorLike) => {
      const { o } = windowAttention({ ...args, [name]: changed });
      return o.data.reduce((sum, value, i) => sum + value * (dO.data[i] as number), 0);
    };
    const x = toFloat64(args[name]);
    const step = 1e-5;
    const estimate = x.map((value, i) => {
      const shifted = (delta: number) => float64Tensor(args[name].dims, x.with(i, value + delta));
      return (loss(shifted(step)) - loss(shifted(-step))) / (2 * step);
    });
    expect(relativeError(gradient as TensorLike, float64Tensor(args[name].dims, estimate))).toBeLessThan(1e-8);
  });

  it('has no gradient for a logit scale above its ceiling, ln 100', () => {
    const next = randomNumbers(8);
    const tensor = () => randomTensor([1, 1, 4, 3], next);
    const logitScale = float64Tensor([1], Float64Array.of(4.7));
    const { dLogitScale } = windowAttentionBackward({
      q: tensor(),
      k: tensor(),
      v: tensor(),
      logitScale,
      dO: tensor(),
    });
    expect([...(dLogitScale?.data ?? [])]).toEqual([0]);
  });
});

describe.each(BACKENDS)('backward on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(cases)('agrees with golden $name', async (golden) => {
    const gradients = await attention.backward({ ...attentionArgsOf(golden), dO: tensorOf(golden, 'dO') });
    for (const name of GRADIENTS) {
      const expected = golden.tensors[name];
      expect(gradients[name] !== undefined, name).toBe(expected !== undefined);
      if (expected) expect(relativeError(gradients[name] as TensorLike, expected), name).toBeLessThanOrEqual(2e-6);
    }
  });

  it('agrees with the reference over random shapes, masks and scales', async () => {
    await fc.assert(
      fc.asyncProperty(attentionProblem, fc.integer(), async (args, seed) => {
        const dO = randomTensor(args.q.dims, randomNumbers(seed));
        const gradients = await attention.backward({ ...args, dO });
        const truth = windowAttentionBackward({ ...args, dO });
        const bounds = roundingBounds({ ...args, dO });
        for (const name of GRADIENTS) {
          const expected = truth[name];
          expect(gradients[name] !== undefined, name).toBe(expected !== undefined);
          if (!expected) continue;
          const share = shareOfBound(gradients[name] as TensorLike, expected, bounds[name] as TensorLike);
          expect(share, name).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('is finite where the reference is, beside rows that are masked whole', async () => {
    const [B, H, L, D] = [2, 2, 9, 5];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('q', 'k', 'v', 'dO'),
        fc.nat(B * H * L * D - 1),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        fc.subarray(Array.from({ length: L }, (_, i) => i)),
        fc.boolean(),
        fc.integer(),
        async (name, at, value, maskedRows, isCosine, seed) => {
          const next = randomNumbers(seed);
          const tensor = (...dims: number[]) => randomTensor(dims, next);
          const window = () => tensor(B, H, L, D);
          const args = {
            ...{ q: window(), k: window(), v: window(), dO: window(), bias: tensor(H, L, L) },
            mask: float32Tensor([1, L, L]),
            ...(isCosine && { logitScale: tensor(H) }),
          };
          args[name].data[at] = value;
          for (const row of maskedRows) args.mask.data.fill(Number.NEGATIVE_INFINITY, row * L, (row + 1) * L);
          const gradients = await attention.backward(args);
          const truth = windowAttentionBackward(args);
          const finite = (tensor: TensorLike | undefined) => tensor && Array.from(tensor.data, Number.isFinite);
          for (const own of GRADIENTS) expect(finite(gradients[own]), own).toEqual(finite(truth[own]));
        },
      ),
    );
  });
});
