import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { readSafetensors } from '../src/safetensors/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { maxError, relativeError } from './support/errors.js';
import { type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

const MODEL = new URL('./models/swin-cifar10/', import.meta.url);
const SAMPLE = new URL('../../shared/models/swin-cifar10/cifar10-sample.safetensors', import.meta.url);

const models = goldenCases('models');

describe.each(BACKENDS)('Swin models on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(models)('agree with golden $name, logits and hidden states', async (golden) => {
    const tolerance = golden.name.includes('v2') ? 3e-5 : 1e-5;
    const model = await SwinForImageClassification.fromStateDict(stateDictOf(golden), configOf(golden), { attention });
    const { logits, hiddenStates } = await model.forward(tensorOf(golden, 'x'), { hiddenStates: true });
    expect(relativeError(logits, tensorOf(golden, 'logits'))).toBeLessThanOrEqual(tolerance);
    const expected = Object.keys(golden.tensors).filter((name) => name.startsWith('hidden'));
    if (expected.length > 0) expect(hiddenStates?.length).toBe(expected.length);
    for (const [i, name] of expected.entries()) {
      const hidden = hiddenStates?.[i] as Tensor;
      expect(hidden.dims).toEqual(tensorOf(golden, name).dims);
      expect(relativeError(hidden, tensorOf(golden, name))).toBeLessThanOrEqual(tolerance);
    }
  });

  it('take a batch of images of another size', async () => {
    const golden = models[0] as GoldenCase;
    const model = await SwinForImageClassification.fromStateDict(stateDictOf(golden), configOf(golden), { attention });
    const pixels = randomTensor([3, 3, 61, 90], randomNumbers(3));
    const { logits } = await model.forward(pixels);
    const one = { dims: [1, 3, 61, 90], data: pixels.data.slice(pixels.data.length / 3, (2 * pixels.data.length) / 3) };
    const second = { dims: [1, 10], data: logits.data.slice(10, 20) };
    expect(relativeError((await model.forward(one)).logits, second)).toBeLessThanOrEqual(1e-5);
  });
});

describe('SwinForImageClassification', () => {
  it('names tensors that are missing, extra or misshapen, and values that a config cannot have', async () => {
    const golden = models[0] as GoldenCase;
    const config = configOf(golden);
    const weights = stateDictOf(golden);
    const norm = weights['swin.layernorm.weight'] as Tensor;
    const load = (tensors: Record<string, Tensor>, change: object = {}) =>
      SwinForImageClassification.fromStateDict(tensors, { ...config, ...change });
    const { 'classifier.bias': _, ...incomplete } = weights;
    await expect(load(incomplete)).rejects.toThrow(/tensor "classifier.bias" expected with dims \[10\], got none/);
    await expect(load({ ...weights, other: norm })).rejects.toThrow(/only those of the config, got "other"/);
    await expect(load({ ...weights, 'swin.layernorm.weight': tensorOf(golden, 'logits') })).rejects.toThrow(
      /tensor "swin.layernorm.weight" expected dims \[32\], got \[1, 10\]/,
    );
    await expect(load(weights, { window_size: 4 })).rejects.toThrow(
      /relative_position_bias_table" expected dims \[49, 1\], got \[169, 1\]/,
    );
    await expect(load(weights, { model_type: 'vit' })).rejects.toThrow(
      /"config.model_type" expected one of "swin", "swinv2", "donut-swin", .*, got "vit"/,
    );
    await expect(load(weights, { num_heads: [1] })).rejects.toThrow(
      /"config.num_heads" expected one number a stage of 2, got \[1\]/,
    );
    await expect(load(weights, { num_heads: [3, 2] })).rejects.toThrow(
      /"config.num_heads\[0\]" expected a divisor of 16 channels, got 3/,
    );
    await expect(load(weights, { depths: '2' })).rejects.toThrow(TypeError);
    const model = await load(weights);
    await expect(model.forward({ data: new Float32Array(8), dims: [1, 2, 2, 2] })).rejects.toThrow(
      /"pixelValues" expected dims/,
    );
    await expect(model.classify({ data: new Uint8Array(5), width: 1, height: 1 })).rejects.toThrow(
      /"image.data" expected 3 or 4 bytes/,
    );
    await expect(model.classify({ data: new Uint8Array(3), width: 0, height: 1 })).rejects.toThrow(
      /"image.width" expected an integer from 1 to/,
    );
  });
});

describe('the embedded model', () => {
  let model: SwinForImageClassification;
  beforeAll(async () => {
    model = await SwinForImageClassification.fromPretrained(MODEL);
  });

  it('gives the logits of PyTorch in float64 for made-up images', async () => {
    const { images, logits } = readSafetensors(
      readFileSync(new URL('golden/swin-cifar10.safetensors', import.meta.url)),
    ).tensors as Record<string, Tensor>;
    const result = await model.forward(images as Tensor);
    expect(relativeError(result.logits, logits as Tensor)).toBeLessThanOrEqual(1e-4);
  });

  const hasSample = existsSync(SAMPLE);
  it.skipIf(!hasSample)(
    `gives the logits of 100 CIFAR-10 images${hasSample ? '' : ': the sample is not on this machine'}`,
    async () => {
      const { images, logits } = readSafetensors(readFileSync(SAMPLE)).tensors as {
        images: Tensor<Uint8Array>;
        logits: Tensor<Float64Array>;
      };
      const size = 3 * 32 * 32;
      const largest = logits.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      for (let i = 0; i < 100; i++) {
        const planar = images.data.subarray(i * size, (i + 1) * size);
        const data = Uint8Array.from(
          { length: size },
          (_, at) => planar[(at % 3) * 1024 + Math.floor(at / 3)] as number,
        );
        const result = await model.forward(model.preprocess({ data, width: 32, height: 32 }));
        const expected = { data: logits.data.slice(10 * i, 10 * i + 10), dims: [1, 10] };
        expect(maxError(result.logits, expected)).toBeLessThanOrEqual(1e-4 * largest);
      }
    },
  );

  it('loads from files as from a directory, and classifies RGBA as RGB', async () => {
    const parse = (file: string) => JSON.parse(readFileSync(new URL(file, MODEL), 'utf8'));
    const other = await SwinForImageClassification.fromPretrained({
      config: parse('config.json'),
      weights: readFileSync(new URL('model.safetensors', MODEL)),
      preprocessor: parse('preprocessor_config.json'),
    });
    const rgb = Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => (i * 7) % 256);
    const rgba = Uint8Array.from({ length: 40 * 50 * 4 }, (_, i) =>
      i % 4 === 3 ? i % 256 : (rgb[Math.floor(i / 4) * 3 + (i % 4)] as number),
    );
    const a = await model.classify({ data: rgb, width: 50, height: 40 }, { topK: 3 });
    const b = await other.classify({ data: rgba, width: 50, height: 40 }, { topK: 3 });
    expect(a.length).toBe(3);
    expect(b).toEqual(a);
    expect(a[0]?.score).toBeGreaterThanOrEqual(a[1]?.score ?? 1);
    await expect(SwinForImageClassification.fromPretrained(new URL('nowhere/', MODEL))).rejects.toThrow(/ENOENT/);
  });
});
