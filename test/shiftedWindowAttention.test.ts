import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShiftedWindowArgs, WindowAttention } from '../src/index.js';
import { linear, shiftedWindowAttention } from '../src/reference/index.js';
import { float64Tensor, type Tensor, toFloat64 } from '../src/tensor/tensor.js';
import { imageProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { relativeError, shareOfBound } from './support/errors.js';
import { type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { imageRoundingBounds } from './support/roundingBounds.js';
import { swinBlock } from './support/swinBlock.js';

const layers = goldenCases('layers').filter(({ name }) => name.startsWith('tv'));

/** The layer's attention arguments; torchvision pads before the Linear, so padding holds the qkv bias. */
function argsOf(golden: GoldenCase): ShiftedWindowArgs {
  const { relativePositionBias, logitScale } = golden.tensors;
  const values = Float64Array.from(toFloat64(tensorOf(golden, 'qkv_bias')));
  // Swin V2 has no bias of the keys.
  if (logitScale) values.fill(0, values.length / 3, (2 * values.length) / 3);
  const qkvBias = float64Tensor([values.length], values);
  return {
    qkv: linear(tensorOf(golden, 'x'), tensorOf(golden, 'qkv_weight'), qkvBias),
    numHeads: golden.params.heads as number,
    windowSize: golden.params.windowSize as [number, number],
    shiftSize: golden.params.shiftSize as [number, number],
    relativePositionBias,
    logitScale,
    paddingQkv: qkvBias,
  };
}

function project(golden: GoldenCase, o: Tensor): Tensor {
  return linear(o, tensorOf(golden, 'proj_weight'), tensorOf(golden, 'proj_bias'));
}

const blocks = goldenCases('layers').filter(({ name }) => name.startsWith('ms'));

describe('shiftedWindowAttention, the reference', () => {
  it.each(blocks)('agrees with golden block $name', async (golden) => {
    const y = await swinBlock(golden, async (args) => shiftedWindowAttention(args));
    expect(relativeError(y, tensorOf(golden, 'y'))).toBeLessThanOrEqual(1e-7);
  });

  it.each(layers)('agrees with golden layer $name', (golden) => {
    const y = project(golden, shiftedWindowAttention(argsOf(golden)));
    expect(y.dims).toEqual(tensorOf(golden, 'y').dims);
    expect(relativeError(y, tensorOf(golden, 'y'))).toBeLessThanOrEqual(1e-12);
  });
});

describe.each(BACKENDS)('shiftedWindowAttention on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(layers)('agrees with golden layer $name', async (golden) => {
    const y = project(golden, await attention.shiftedWindowAttention(argsOf(golden)));
    expect(relativeError(y, tensorOf(golden, 'y'))).toBeLessThanOrEqual(2e-6);
  });

  it('agrees with the reference over random images, windows, shifts, padding and dtypes', async () => {
    await fc.assert(
      fc.asyncProperty(imageProblem, async (args) => {
        const o = await attention.shiftedWindowAttention(args);
        const truth = shiftedWindowAttention(args);
        expect(o.dims).toEqual(truth.dims);
        expect(shareOfBound(o, truth, imageRoundingBounds(args).o as Tensor)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it.each(blocks)('agrees with golden block $name', async (golden) => {
    const y = await swinBlock(golden, (args) => attention.shiftedWindowAttention(args));
    expect(relativeError(y, tensorOf(golden, 'y'))).toBeLessThanOrEqual(2e-6);
  });

  it('refuses bad sizes by name', async () => {
    const qkv = randomTensor([1, 4, 4, 12], randomNumbers(1));
    const call = (change: Partial<ShiftedWindowArgs>) =>
      attention.shiftedWindowAttention({ qkv, numHeads: 2, windowSize: 2, ...change });
    await expect(call({ numHeads: 5 })).rejects.toThrow(
      /"qkv" expected .*multiple of numHeads = 5, got \[1, 4, 4, 12\]/,
    );
    await expect(call({ windowSize: 0 })).rejects.toThrow(/"windowSize" expected an integer ≥ 1, got 0/);
    await expect(call({ shiftSize: 2 })).rejects.toThrow(/"shiftSize" expected less than windowSize \[2, 2\], got 2/);
    await expect(call({ paddingQkv: randomTensor([3], randomNumbers(1)) })).rejects.toThrow(
      /"paddingQkv" expected dims \[3C\] = \[12\]/,
    );
    await expect(call({ numHeads: '2' as unknown as number })).rejects.toThrow(TypeError);
    await expect(call({ alwaysShift: 1 as unknown as boolean })).rejects.toThrow(
      /"alwaysShift" expected a boolean, got 1/,
    );
  });
});
