import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOfSample, madeUp, madeUpPixels, madeUpWeight } from '../scripts/madeUpWeights.mjs';
import type { WindowAttention } from '../src/index.js';
import { resizeRelativePositionBias } from '../src/reference/index.js';
import type { SwinConfig } from '../src/swin/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { createEngine } from './support/engines.js';
import { relativeError } from './support/errors.js';
import { goldenFile } from './support/golden.js';

const { tensors, metadata } = goldenFile('upstreamReal');
const cases = (
  JSON.parse(metadata.cases as string) as {
    name: string;
    run: [number, number];
    config: SwinConfig;
    shapes: string;
  }[]
).filter(({ shapes }) => shapes !== 'detection_large');

/** The weights of a model, made of their names and shapes. */
function stateDictOf(name: string): Record<string, Tensor> {
  const json = new TextDecoder().decode((tensors[`${name}.shapes`] as unknown as Tensor<Uint8Array>).data);
  const shapes = Object.entries(JSON.parse(json) as Record<string, number[]>);
  return Object.fromEntries(shapes.map(([key, dims]) => [key, madeUpWeight(key, dims)]));
}

describe('Real architectures', () => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine({ title: 'wasm in two threads', backend: 'wasm', threads: 2 });
  });
  afterAll(() => attention.dispose());

  it.each(cases)('$name agrees with upstream', async ({ name, run, config, shapes }) => {
    const model = await SwinForImageClassification.fromStateDict(stateDictOf(shapes), config, { attention });
    const { logits } = await model.forward(madeUpPixels(...run));
    await model.dispose();
    const sample = tensors[`${name}.sample0`] as Tensor<Float64Array>;
    const [largest] = (tensors[`${name}.largest0`] as Tensor<Float64Array>).data as unknown as [number];
    const error = errorOfSample(logits.data, sample.data, largest);
    expect(sample.data.length).toBe(1000);
    expect(error).toBeLessThanOrEqual(1e-5);
  });
});

describe('resizeRelativePositionBias', () => {
  const table = madeUp('table', [169, 3], 0, 1);

  it.each([4, 12])('from windows of 7 to %i is PyTorch’s bicubic interpolation', (window) => {
    const expected = tensors[`table.${window}`] as Tensor;
    const resized = resizeRelativePositionBias(table, 7, window);
    expect(resized.dims).toEqual(expected.dims);
    expect(relativeError(resized, expected)).toBeLessThanOrEqual(1e-14);
  });

  it('keeps a table of the same window, and refuses one of another', () => {
    expect(relativeError(resizeRelativePositionBias(table, 7, 7), table)).toBe(0);
    expect(() => resizeRelativePositionBias(table, 8, 7)).toThrow(
      /"table" expected dims .* = \[225, \?\], got \[169, 3\]/,
    );
  });
});
