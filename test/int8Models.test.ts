import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { quantizeWeight } from '../src/reference/linearInt8.js';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { SwinForImageClassification, SwinModel, type WeightDType } from '../src/swin/index.js';
import { roundedWeight } from '../src/swin/linearWeight.js';
import { quantizeStateDict } from '../src/swin/quantizeStateDict.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32 } from '../src/tensor/tensor.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { relativeError } from './support/errors.js';
import { type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

const FLOAT16_MODEL = new URL('models/swin-cifar10/', import.meta.url);
const EMBEDDED_MODEL = new URL('../models/swin-cifar10/', import.meta.url);
const CLI = fileURLToPath(new URL('../build/cli/main.js', import.meta.url));
const CAT = fileURLToPath(new URL('../examples/images/chelsea.png', import.meta.url));

const models = goldenCases('models');
const images = readFile(new URL('golden/swin-cifar10.safetensors', import.meta.url)).then(
  (file) => readSafetensors(file).tensors as { images: Tensor; logits: Tensor },
);

const load = (golden: GoldenCase, options: object) =>
  SwinForImageClassification.fromStateDict(stateDictOf(golden), configOf(golden), options);

describe.each(BACKENDS)('int8 models on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it.each(models)('are the same from an int8 file as quantised on loading: golden $name', async (golden) => {
    const x = tensorOf(golden, 'x');
    const { tensors, config, layers } = quantizeStateDict(stateDictOf(golden), configOf(golden));
    expect(layers.length).toBeGreaterThan(0);
    for (const { error } of layers) expect(error).toBeLessThan(0.02);
    const file = { config, weights: writeSafetensors(tensors) };
    const fromFile = await SwinForImageClassification.fromPretrained(file, { attention });
    const onLoading = await load(golden, { attention, dtype: 'int8' });
    const { logits } = await fromFile.forward(x);
    expect((await onLoading.forward(x)).logits.data).toEqual(logits.data);
    // Single layers lose 1%; nets of random weights multiply it.
    expect(relativeError(logits, tensorOf(golden, 'logits'))).toBeLessThan(0.1);
    expect(relativeError(logits, tensorOf(golden, 'logits'))).toBeGreaterThan(1e-4);
  });

  it.each(['float32', 'float16', 'bfloat16', 'int8'] as const)(
    'give, kept as %s, the logits of weights that were rounded before',
    async (dtype) => {
      const golden = models[0] as GoldenCase;
      const tensors = stateDictOf(golden);
      const { layers } = quantizeStateDict(tensors, configOf(golden));
      const rounded: Record<string, TensorLike> = { ...tensors };
      for (const { name } of layers) rounded[name] = roundedWeight(tensors[name] as Tensor, dtype);
      const config = configOf(golden);
      const floats = await SwinForImageClassification.fromStateDict(rounded, config, { attention, dtype: 'float32' });
      const kept = await load(golden, { attention, dtype });
      const x = tensorOf(golden, 'x');
      const [a, b] = [(await kept.forward(x)).logits, (await floats.forward(x)).logits];
      // int8 rounds its activations too, to 15 bits.
      if (dtype === 'int8') expect(relativeError(a, b)).toBeLessThan(1e-3);
      else expect(a.data).toEqual(b.data);
    },
  );
});

describe('int8 models', () => {
  const golden = models[0] as GoldenCase;

  it('give the same bits in one thread and in three', async () => {
    const { images: x } = await images;
    const logits = [];
    for (const threads of [1, 3]) {
      const attention = await createWindowAttention({ backend: 'wasm', threads });
      const model = await SwinForImageClassification.fromPretrained(EMBEDDED_MODEL, { attention });
      logits.push((await model.forward(x)).logits.data);
      await attention.dispose();
    }
    expect(logits[1]).toEqual(logits[0]);
  });

  it('embedded, are the float16 model quantised, within 3% of its logits', async () => {
    const { images: x, logits } = await images;
    const embedded = await SwinForImageClassification.fromPretrained(EMBEDDED_MODEL);
    const float16 = await SwinForImageClassification.fromPretrained(FLOAT16_MODEL, { dtype: 'int8' });
    const own = (await embedded.forward(x)).logits;
    expect((await float16.forward(x)).logits.data).toEqual(own.data);
    expect(relativeError(own, logits)).toBeLessThan(0.03);
    await embedded.dispose();
    await float16.dispose();
  });

  it('keep float16 weights as float16 with the bits of float32', async () => {
    const { images: x } = await images;
    const logits = [];
    for (const dtype of ['float16', 'float32'] as const) {
      const model = await SwinForImageClassification.fromPretrained(FLOAT16_MODEL, { dtype });
      logits.push((await model.forward(x)).logits.data);
      await model.dispose();
    }
    expect(logits[1]).toEqual(logits[0]);
  });

  it('become floats again where a dtype asks for them', async () => {
    const { images: x } = await images;
    const int8 = await SwinForImageClassification.fromPretrained(EMBEDDED_MODEL);
    const expected = (await int8.forward(x)).logits;
    await int8.dispose();
    for (const [dtype, bound] of [
      ['float32', 1e-3],
      ['float16', 1e-3],
      ['bfloat16', 0.03],
    ] as const) {
      const model = await SwinForImageClassification.fromPretrained(EMBEDDED_MODEL, { dtype });
      expect(relativeError((await model.forward(x)).logits, expected)).toBeLessThan(bound);
      await model.dispose();
    }
  });

  it('load without a classifier, too', async () => {
    const tensors = Object.fromEntries(
      Object.entries(stateDictOf(golden)).filter(([name]) => !name.startsWith('classifier.')),
    );
    const quantised = quantizeStateDict(tensors, configOf(golden));
    expect(quantised.layers.length).toBeGreaterThan(0);
    const model = await SwinModel.fromStateDict(quantised.tensors, quantised.config);
    const { poolerOutput } = await model.forward(tensorOf(golden, 'x'));
    const float = await SwinModel.fromStateDict(tensors, configOf(golden));
    const expected = (await float.forward(tensorOf(golden, 'x'))).poolerOutput;
    expect(relativeError(poolerOutput, expected)).toBeLessThan(0.05);
    await model.dispose();
    await float.dispose();
  });

  it('refuse scales that are missing or misshapen, int8 where no matrix is, other dtypes, and NaN', async () => {
    const config = configOf(golden);
    const { tensors, layers } = quantizeStateDict(stateDictOf(golden), config);
    const { name } = layers.at(-1) as (typeof layers)[number];
    const weight = tensors[name] as TensorLike;
    const scale = tensors[`${name}_scale`] as TensorLike;
    const from = (other: Record<string, TensorLike>, dtype?: WeightDType) =>
      SwinForImageClassification.fromStateDict({ ...tensors, ...other }, config, { dtype });
    const { [`${name}_scale`]: _, ...without } = tensors;
    await expect(SwinForImageClassification.fromStateDict(without, config)).rejects.toThrow(
      new RegExp(`tensor "${name}_scale" expected with dims .*, got none`),
    );
    await expect(from({ [`${name}_scale`]: { ...scale, dims: [scale.dims[0] as number] } })).rejects.toThrow(
      RangeError,
    );
    await expect(from({ [name]: { ...weight, dims: [1, weight.data.length] } })).rejects.toThrow(/expected dims/);
    await expect(from({ [name]: { ...weight, dims: [7] } })).rejects.toThrow(/expected dims/);
    const bias = name.replace(/weight$/, 'bias');
    const { dims } = tensors[bias] as TensorLike;
    await expect(from({ [bias]: { data: new Int8Array(dims[0] as number), dims, type: 'int8' } })).rejects.toThrow(
      TypeError,
    );
    await expect(from({}, 'int4' as 'int8')).rejects.toThrow(
      new TypeError('"dtype" expected one of "float32", "float16", "bfloat16", "int8", got "int4"'),
    );
    const { data } = stateDictOf(golden)[name] as Tensor;
    const broken = float32Tensor(weight.dims, toFloat32({ data, dims: weight.dims }).slice());
    broken.data[3] = Number.NaN;
    const load = SwinForImageClassification.fromStateDict({ ...stateDictOf(golden), [name]: broken }, config, {
      dtype: 'int8',
    });
    await expect(load).rejects.toThrow(`tensor "${name}" expected finite numbers`);
    expect(() => quantizeStateDict({ ...stateDictOf(golden), [name]: broken }, config)).toThrow(`tensor "${name}"`);
    const scales = (scale.data as Float32Array).slice().fill(Number.POSITIVE_INFINITY, 1, 2);
    await expect(from({ [`${name}_scale`]: { ...scale, data: scales } })).rejects.toThrow(`tensor "${name}_scale"`);
  });
});

describe('quantize', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quantize-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const quantize = (...args: string[]) =>
    promisify(execFile)(process.execPath, [CLI, 'quantize', ...args]).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  it('writes the embedded model, and says what it costs', async () => {
    const output = join(directory, 'int8');
    const { code, stdout, stderr } = await quantize(
      fileURLToPath(FLOAT16_MODEL),
      CAT,
      '--square',
      '-o',
      output,
      '--json',
    );
    expect([code, stderr]).toEqual([0, '']);
    const { bytes, layers, logits } = JSON.parse(stdout);
    expect(layers.length).toBe(51);
    expect(bytes[1] / bytes[0]).toBeLessThan(0.52);
    expect([logits.images, logits.agreement]).toEqual([1, 1]);
    expect(logits.relativeError).toBeLessThan(0.02);
    expect(logits.maxError).toBeGreaterThanOrEqual(logits.rmsError);
    for (const file of ['config.json', 'preprocessor_config.json', 'model.safetensors']) {
      expect((await readFile(join(output, file))).equals(await readFile(new URL(file, EMBEDDED_MODEL)))).toBe(true);
    }
    const { tensors } = readSafetensors(await readFile(join(output, 'model.safetensors')));
    const [{ name }] = layers;
    const original = readSafetensors(await readFile(new URL('model.safetensors', FLOAT16_MODEL))).tensors[name];
    const { data, scales } = quantizeWeight(original as Tensor);
    expect(tensors[name]?.data).toEqual(data);
    expect(tensors[`${name}_scale`]?.data).toEqual(scales);
  });

  it('rounds by what images make of activations', async () => {
    const output = join(directory, 'calibrated');
    const args = [fileURLToPath(FLOAT16_MODEL), CAT, '--square', '--calibrate', CAT, '-o', output, '--json'];
    const { code, stdout, stderr } = await quantize(...args);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout).logits.agreement).toBe(1);
    const read = async (file: string | URL) => readSafetensors(await readFile(file)).tensors;
    const corrected = await read(join(output, 'model.safetensors'));
    const plain = await read(new URL('model.safetensors', EMBEDDED_MODEL));
    const changed = Object.keys(plain).filter((name) => {
      const [a, b] = [corrected[name], plain[name]] as [TensorLike, TensorLike];
      return a.type !== b.type || !Buffer.from(toBytes(a)).equals(Buffer.from(toBytes(b)));
    });
    // Of 51 layers, the two of patch merging have no bias.
    const biases = changed.filter((name) => name.endsWith('.bias'));
    expect([biases.length, changed.length]).toEqual([49, 49 + 51]);
    for (const name of biases) expect(corrected[name]?.type).toBe('float32');
    const model = await SwinForImageClassification.fromPretrained(output);
    await model.dispose();
  });

  it('refuses to overwrite its model, and models of int8', async () => {
    const source = fileURLToPath(EMBEDDED_MODEL);
    const same = await quantize(source, '-o', source);
    expect([same.code, same.stderr]).toEqual([2, expect.stringMatching(/expected another directory/)]);
    const again = await quantize(source, '-o', join(directory, 'again'));
    expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/expected weights of floats/)]);
  });

  it("refuses to leave another model's preprocessor_config.json beside its own files", async () => {
    const [source, output] = [join(directory, 'plain'), join(directory, 'other')];
    for (const place of [source, output]) await mkdir(place);
    for (const file of ['config.json', 'model.safetensors'])
      await copyFile(new URL(file, FLOAT16_MODEL), join(source, file));
    await writeFile(join(output, 'preprocessor_config.json'), '{}');
    const { code, stderr } = await quantize(source, '-o', output);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/preprocessor_config\.json expected not to be there/)]);
    expect(await readdir(output)).toEqual(['preprocessor_config.json']);
  });
});

function toBytes({ data }: TensorLike): Uint8Array {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}
