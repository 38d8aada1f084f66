import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../src/image/index.js';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import * as oracle from '../src/oracle/index.js';
import * as reference from '../src/reference/index.js';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { SwinBackbone, SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import { smallSwin } from './support/smallSwin.js';

const { tensors, config, pixels } = smallSwin();
const OURS = /expected/;
const models = { SwinForImageClassification, SwinModel, SwinBackbone };

type AnyFunction = (...args: unknown[]) => unknown;

const functions: [string, AnyFunction][] = [
  ...Object.entries({ ...reference, ...oracle }).filter(([, value]) => typeof value === 'function'),
  ...Object.entries({ readSafetensors, writeSafetensors, decodeImage, createWindowAttention }),
  ...Object.entries(models).flatMap(([name, model]): [string, unknown][] => [
    [`${name}.fromStateDict`, model.fromStateDict.bind(model as never)],
    [`${name}.fromPretrained`, model.fromPretrained.bind(model as never)],
  ]),
] as never;

describe.each(functions)('%s', (name, called) => {
  it.each([
    ['null', [null, null, null, null]],
    ['numbers', [1, 2, 3, 4]],
    ['texts', ['', 'a', 'b', 'c']],
    ['nothing', []],
  ])(`says what it expects, given %s`, async (what, args) => {
    // An engine needs no options, and 1 is a window's size.
    if (name === 'createWindowAttention' && what === 'nothing') return;
    if (name === 'relativePositionIndex' && what === 'numbers') return;
    const outcome = (async () => called(...args))();
    // A directory that is not there is no fault of the arguments' types.
    if (name.endsWith('fromPretrained') && what === 'texts') return expect(outcome).rejects.toThrow();
    await expect(outcome).rejects.toThrow(OURS);
    await expect(outcome).rejects.toSatisfy((error) => error instanceof TypeError || error instanceof RangeError);
  });
});

describe('objects without a prototype, which have no text', () => {
  const bare: unknown = Object.create(null);
  const full: unknown = new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : bare) });

  // They are no options of an engine, and no tensors.
  const taking = ['createWindowAttention', 'writeSafetensors'];
  it.each(functions.filter(([name]) => !taking.includes(name)))('are refused by %s', async (_, called) => {
    for (const args of [Array(4).fill(bare), Array(4).fill(full)]) {
      const outcome = (async () => called(...args))();
      await expect(outcome).rejects.toThrow(OURS);
      await expect(outcome).rejects.toSatisfy((error) => error instanceof TypeError || error instanceof RangeError);
    }
  });

  it.each(['backend', 'relaxed', 'threads', 'wasm'])('are refused as the option %s of an engine', async (name) => {
    const refused = new RegExp(`^"${name}" expected .*, got Object$`);
    await expect(createWindowAttention({ [name]: bare })).rejects.toThrow(refused);
  });

  it.each(['atol', 'rtol'])('are refused as %s of compare and of checkCase', async (name) => {
    const dims = [1, 1, 1, 1];
    const q = { data: new Float32Array(1), dims };
    const refused = new RegExp(`^"${name}" expected a number.*, got (Object|Symbol\\(x\\))$`);
    for (const value of [bare, Symbol('x')]) {
      expect(() => oracle.compare(q, q, { atol: 0, rtol: 0, [name]: value })).toThrow(refused);
      const judged = (async () => oracle.checkCase({ q, k: q, v: q }, { o: q }, { [name]: value }))();
      await expect(judged).rejects.toThrow(refused);
    }
  });

  it.each(['dtype', 'attention', 'onProgress', 'fetch', 'signal', 'cache'])(
    'are refused as the option %s of a model, and so is a number',
    async (name) => {
      const known = { config, weights: writeSafetensors(tensors) };
      for (const value of [bare, 7, null]) {
        const outcome = SwinForImageClassification.fromPretrained(known, { [name]: value });
        await expect(outcome).rejects.toThrow(OURS);
        await expect(outcome).rejects.toBeInstanceOf(TypeError);
      }
    },
  );
});

describe('options that are null', () => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createWindowAttention();
  });
  afterAll(() => attention.dispose());

  it.each(Object.entries(models))('are refused by name by %s', async (_, model) => {
    const refused = /"options" expected an object, got null/;
    await expect(model.fromStateDict(tensors, config, null as never)).rejects.toThrow(refused);
    await expect(model.fromPretrained('models/swin-cifar10', null as never)).rejects.toThrow(refused);
  });

  it('are refused by name by the methods of a model', async () => {
    const refused = /"options" expected an object, got null/;
    const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention });
    const image = { data: new Uint8Array(16), width: 2, height: 2 };
    await expect(model.forward(pixels, null as never)).rejects.toThrow(refused);
    await expect(model.classify(image, null as never)).rejects.toThrow(refused);
    expect(() => model.preprocess(image, null as never)).toThrow(refused);
    await model.dispose();
  });
});

describe('options that are misspelt', () => {
  it.each(Object.entries(models))('are refused by name by %s', async (_, model) => {
    const refused = /"options" expected keys of attention, dtype, .*, got "Dtype": did you mean dtype\?/;
    await expect(model.fromStateDict(tensors, config, { Dtype: 'int8' } as never)).rejects.toThrow(refused);
    await expect(model.fromPretrained('models/swin-cifar10', { Dtype: 'int8' } as never)).rejects.toThrow(refused);
  });

  it('are refused by name by the methods of a model, which take those of one another', async () => {
    const model = await SwinForImageClassification.fromStateDict(tensors, config);
    const image = { data: new Uint8Array(16), width: 2, height: 2 };
    const refused = /"options" expected keys of hiddenStates, topK, square, signal, got "top_K": did you mean topK\?/;
    await expect(model.forward(pixels, { top_K: 1 } as never)).rejects.toThrow(refused);
    await expect(model.classify(image, { top_K: 1 } as never)).rejects.toThrow(refused);
    expect(() => model.preprocess(image, { top_K: 1 } as never)).toThrow(refused);
    await model.classify(image, { topK: 1, hiddenStates: true } as never);
    await model.dispose();
  });
});

it('flags of calls are refused where they are no booleans, and preprocessing that is not done', async () => {
  const model = await SwinForImageClassification.fromStateDict(tensors, config);
  const image = { data: new Uint8Array(16), width: 2, height: 2 };
  await expect(model.classify(image, { square: 1 } as never)).rejects.toThrow(/"square" expected a boolean, got 1/);
  await expect(model.forward(pixels, { hiddenStates: 1 } as never)).rejects.toThrow(
    /"hiddenStates" expected a boolean/,
  );
  await model.dispose();
  for (const key of ['do_flip_channel_order', 'do_convert_grayscale']) {
    const files = { config, weights: writeSafetensors(tensors) };
    const load = (value: boolean) =>
      SwinForImageClassification.fromPretrained({ ...files, preprocessor: { [key]: value } as object });
    await expect(load(true)).rejects.toThrow(new RangeError(`"preprocessor.${key}" expected false, got true`));
    await (await load(false)).dispose();
  }
});

it('errorMap refuses a tolerance that is none, names that are none, and draws no error of a tolerance of 0', () => {
  const output = { data: new Float32Array(2), dims: [1, 1, 1, 2] };
  for (const tolerance of [{}, undefined, '1', -1, Number.NaN])
    expect(() => oracle.errorMap(output, output, tolerance as never)).toThrow(/"tolerance" expected a number ≥ 0/);
  for (const axes of [null, ['a'], ['a', 'b', 'c', 4]])
    expect(() => oracle.errorMap(output, output, 1, axes as never)).toThrow(/"axes" expected four names/);
  expect(oracle.errorMap(output, output, 0)).toBe(oracle.errorMap(output, output, 1));
});
