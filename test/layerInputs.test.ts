import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { layerNorm } from '../src/reference/layerNorm.js';
import { readSafetensors } from '../src/safetensors/index.js';
import type { SwinConfig } from '../src/swin/config.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import { layerInputs } from '../src/swin/layerInputs.js';
import { quantizeStateDict } from '../src/swin/quantizeStateDict.js';
import { type Tensor, type TensorLike, toFloat32 } from '../src/tensor/tensor.js';
import { relativeError } from './support/errors.js';
import { goldenCases, tensorOf } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

const TRAINED = new URL('models/swin-cifar10/', import.meta.url);

/** Mean over all axes but the last. */
function meanOf(tensor: TensorLike): Float64Array {
  const [data, dims] = [toFloat32(tensor), tensor.dims];
  const C = dims.at(-1) as number;
  const mean = new Float64Array(C);
  data.forEach((x, i) => {
    mean[i % C] = (mean[i % C] as number) + (x * C) / data.length;
  });
  return mean;
}

function expectClose(actual: Float64Array | undefined, expected: Float64Array): void {
  expect(actual?.length).toBe(expected.length);
  const scale = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  expected.forEach((x, i) => {
    expect(Math.abs((actual?.[i] as number) - x)).toBeLessThan(1e-4 * scale);
  });
}

describe('layerInputs', () => {
  it.each(goldenCases('models'))('are those of every layer: golden $name', async (golden) => {
    const [x, tensors, config] = [tensorOf(golden, 'x'), stateDictOf(golden), configOf(golden)];
    const inputs = await layerInputs(tensors, config, [x, x]);
    const { layers } = quantizeStateDict(tensors, config);
    expect([...inputs.keys()].sort()).toEqual(layers.map(({ name }) => name).sort());
    for (const { name, dims } of layers)
      expect([inputs.get(name)?.mean.length, inputs.get(name)?.moments.n]).toEqual([dims[1], dims[1]]);
    const model = await SwinForImageClassification.fromStateDict(tensors, config);
    const { poolerOutput } = await model.forward(x);
    await model.dispose();
    // The classifier comes last.
    expectClose([...inputs.values()].at(-1)?.mean, meanOf(poolerOutput));
  });

  it('are taken behind the norm of the layer', async () => {
    const { tensors, config, images } = await trained();
    const inputs = await layerInputs(tensors, config, [images]);
    const model = await SwinForImageClassification.fromStateDict(tensors, config);
    const { hiddenStates } = await model.forward(images, { hiddenStates: true });
    await model.dispose();
    const block = 'swin.encoder.layers.0.blocks.0';
    const own = (name: string) => tensors[`${block}.layernorm_before.${name}`] as TensorLike;
    const normed = layerNorm((hiddenStates as Tensor[])[0] as Tensor, own('weight'), own('bias'), 1e-5);
    expectClose(inputs.get(`${block}.attention.self.value.weight`)?.mean, meanOf(normed));
  });

  it('make int8 err half as much on other images', async () => {
    const { tensors, config, images } = await trained();
    const size = images.data.length / (images.dims[0] as number);
    const part = (from: number, to: number) => ({
      data: toFloat32(images).slice(from * size, to * size),
      dims: [to - from, ...images.dims.slice(1)],
    });
    const half = Math.floor((images.dims[0] as number) / 2);
    const inputs = await layerInputs(tensors, config, [part(0, half)]);
    const others = part(half, images.dims[0] as number);
    const logitsOf = async (dict: Readonly<Record<string, TensorLike>>, own: SwinConfig) => {
      const model = await SwinForImageClassification.fromStateDict(dict, own);
      const { logits } = await model.forward(others);
      await model.dispose();
      return logits;
    };
    const truth = await logitsOf(tensors, config);
    const plain = quantizeStateDict(tensors, config);
    const corrected = quantizeStateDict(tensors, config, inputs);
    const [before, after] = [
      relativeError(await logitsOf(plain.tensors, plain.config), truth),
      relativeError(await logitsOf(corrected.tensors, corrected.config), truth),
    ];
    expect(after).toBeLessThan(0.5 * before);
  });
});

async function trained() {
  const config = JSON.parse(await readFile(new URL('config.json', TRAINED), 'utf8')) as SwinConfig;
  const file = readSafetensors(await readFile(new URL('model.safetensors', TRAINED))).tensors;
  // Loading a model gives the memory of a file's tensors back.
  const tensors = Object.fromEntries(
    Object.entries(file).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as TensorLike]),
  );
  const golden = readSafetensors(await readFile(new URL('golden/swin-cifar10.safetensors', import.meta.url))).tensors;
  return { config, tensors, images: golden.images as Tensor };
}
