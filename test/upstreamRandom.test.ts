import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOfSample, madeUpPixels, madeUpWeight } from '../scripts/madeUpWeights.mjs';
import type { WindowAttention } from '../src/index.js';
import { SwinBackbone, type SwinConfig, SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { goldenFile } from './support/golden.js';

/** A random model: what it is, the image's size, and the shapes of its weights and outputs. */
interface RandomCase {
  readonly name: string;
  readonly config: SwinConfig;
  readonly run: [number, number];
  readonly features: string[] | null;
  readonly dims: Record<string, number[]>;
  readonly shapes: Record<string, number[]>;
}

const { tensors, metadata } = goldenFile('upstreamRandom');
const cases = JSON.parse(metadata.cases as string) as RandomCase[];

async function outputsOf({ config, run, features, dims, shapes }: RandomCase, attention: WindowAttention) {
  const weights = Object.fromEntries(Object.entries(shapes).map(([name, size]) => [name, madeUpWeight(name, size)]));
  const pixels = madeUpPixels(...run, 2);
  if (features) {
    const model = await SwinBackbone.fromStateDict(weights, config, { attention, outFeatures: features });
    const { featureMaps } = await model.forward(pixels);
    await model.dispose();
    return Object.fromEntries(featureMaps.map((map, i) => [`map${i}`, map]));
  }
  const model = await (dims.logits ? SwinForImageClassification : SwinModel).fromStateDict(weights, config, {
    attention,
  });
  const output = await model.forward(pixels);
  await model.dispose();
  return output as unknown as Record<string, Tensor<Float32Array>>;
}

describe.each(BACKENDS)('Random models of every upstream on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(cases)('$name', async (one) => {
    const outputs = await outputsOf(one, attention);
    for (const [output, dims] of Object.entries(one.dims)) {
      const [largest, ...sample] = (tensors[`${one.name}.${output}`] as Tensor<Float64Array>).data;
      expect(outputs[output]?.dims, output).toEqual(dims);
      const data = outputs[output]?.data as Float32Array;
      expect(errorOfSample(data, sample, largest as number, 100), output).toBeLessThanOrEqual(1e-5);
    }
  });
});
