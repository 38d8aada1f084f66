import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { SwinBackbone, SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { relativeError } from './support/errors.js';
import { type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

const classifiers = goldenCases('upstream');
const others = goldenCases('backbones');
const backbones = others.filter(({ tensors }) => tensors.map0);
const bare = others.filter(({ tensors }) => !tensors.map0);

/** Swin V2's position biases were built in float32 upstream. */
function tolerance({ params }: GoldenCase): number {
  return params.model_type === 'swinv2' ? 3e-5 : 1e-5;
}

/** Asked for by name, as `out_indices` count stages from 0. */
function outFeaturesOf({ params }: GoldenCase): string[] {
  const indices = params.out_indices as number[] | undefined;
  return indices ? indices.map((index) => `stage${index + 1}`) : (params.out_features as string[]);
}

describe.each(BACKENDS)('Swin models at sizes where upstreams differ, on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  function expectNear(actual: Tensor | undefined, golden: GoldenCase, name: string): void {
    const expected = tensorOf(golden, name);
    expect(actual?.dims).toEqual(expected.dims);
    expect(relativeError(actual as Tensor, expected)).toBeLessThanOrEqual(tolerance(golden));
  }

  it.each(classifiers)('golden $name gives its logits', async (golden) => {
    const config = configOf(golden, 5);
    const model = await SwinForImageClassification.fromStateDict(stateDictOf(golden), config, { attention });
    const { logits } = await model.forward(tensorOf(golden, 'x'));
    expectNear(logits, golden, 'logits');
  });

  it.each(backbones)('golden $name gives its feature maps', async (golden) => {
    const outFeatures = outFeaturesOf(golden);
    for (const asked of [outFeatures, undefined, outFeatures.slice(-2).reverse()]) {
      const model = await SwinBackbone.fromStateDict(stateDictOf(golden), configOf(golden), {
        attention,
        outFeatures: asked,
      });
      const { featureMaps } = await model.forward(tensorOf(golden, 'x'));
      expect(featureMaps.length).toBe((asked ?? outFeatures).length);
      for (const [i, name] of (asked ?? outFeatures).entries()) {
        expectNear(featureMaps[i], golden, `map${outFeatures.indexOf(name)}`);
      }
    }
  });

  it.each(bare)('golden $name gives its last stage', async (golden) => {
    const model = await SwinModel.fromStateDict(stateDictOf(golden), configOf(golden), { attention });
    const { lastHiddenState, poolerOutput } = await model.forward(tensorOf(golden, 'x'));
    if (golden.tensors.last_hidden_state) expectNear(lastHiddenState, golden, 'last_hidden_state');
    if (golden.tensors.pooler_output) expectNear(poolerOutput, golden, 'pooler_output');
    const [B, tokens, C] = lastHiddenState.dims as [number, number, number];
    const sums = Array.from({ length: B * C }, (_, i) => {
      let sum = 0;
      for (let token = 0; token < tokens; token++) {
        sum += lastHiddenState.data[(Math.floor(i / C) * tokens + token) * C + (i % C)] as number;
      }
      return sum / tokens;
    });
    expect(relativeError(poolerOutput, { data: Float64Array.from(sums), dims: [B, C] })).toBeLessThanOrEqual(1e-6);
  });
});
