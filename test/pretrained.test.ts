import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { type LoadProgress, SwinForImageClassification } from '../src/swin/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { relativeError } from './support/errors.js';
import { float64ToHalf } from './support/half.js';

const MODEL = new URL('./models/swin-cifar10/', import.meta.url);
const INDEX = 'model.safetensors.index.json';
const pixels = float32Tensor(
  [1, 3, 64, 64],
  new Float32Array(3 * 64 * 64).map((_, i) => ((i * 37) % 101) / 50 - 1),
);

describe('fromPretrained', () => {
  let directory: string;
  let tensors: Record<string, Tensor>;
  let expected: Tensor;
  let server: Server;
  let base: string;

  const logitsOf = async (source: string | URL, onProgress?: (progress: LoadProgress) => void) => {
    const model = await SwinForImageClassification.fromPretrained(source, { onProgress });
    const { logits } = await model.forward(pixels);
    await model.dispose();
    return logits;
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pretrained-'));
    tensors = readSafetensors(await readFile(new URL('model.safetensors', MODEL))).tensors;
    expected = await logitsOf(MODEL);
    await mkdir(join(directory, 'sharded'));
    await writeFile(join(directory, 'sharded/config.json'), await readFile(new URL('config.json', MODEL)));
    const names = Object.keys(tensors);
    const shards = [names.slice(0, 40), names.slice(40)].map((part, i) => ({ file: `model-${i}.safetensors`, part }));
    const map = Object.fromEntries(shards.flatMap(({ file, part }) => part.map((name) => [name, file])));
    for (const { file, part } of shards) {
      const own = Object.fromEntries(part.map((name) => [name, tensors[name] as Tensor]));
      await writeFile(join(directory, 'sharded', file), writeSafetensors(own));
    }
    await writeFile(join(directory, 'sharded', INDEX), JSON.stringify({ weight_map: map }));
    server = createServer(async (request, response) => {
      try {
        const body = await readFile(join(directory, request.url ?? ''));
        response.writeHead(200, { 'content-length': body.length }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  it('joins shards, from a directory and from a URL, and tells how far they have come', async () => {
    expect((await logitsOf(join(directory, 'sharded'))).data).toEqual(expected.data);
    const heard: LoadProgress[] = [];
    const logits = await logitsOf(`${base}/sharded`, (progress) => heard.push(progress));
    expect(logits.data).toEqual(expected.data);
    expect([...new Set(heard.map(({ file }) => file))]).toEqual(['model-0.safetensors', 'model-1.safetensors']);
    expect(new Set(heard.map(({ total }) => total)).size).toBe(1);
    expect(heard.at(-1)?.loaded).toBe(heard.at(-1)?.total);
  });

  it.each(['float16', 'bfloat16'] as const)('reads weights in %s', async (type) => {
    const config = JSON.parse(await readFile(new URL('config.json', MODEL), 'utf8'));
    const half = Object.entries(tensors).map(([name, tensor]) => [name, float64ToHalf(tensor, type)] as const);
    const weights = writeSafetensors(Object.fromEntries(half));
    const model = await SwinForImageClassification.fromPretrained({ config, weights });
    const error = relativeError((await model.forward(pixels)).logits, expected);
    expect(error).toBeLessThan(type === 'float16' ? 5e-3 : 5e-2);
  });

  it.each([
    ['float32', Number.NaN],
    ['float32', Number.NEGATIVE_INFINITY],
    ['float64', Number.POSITIVE_INFINITY],
    ['float16', 0x7c00],
    ['float16', 0xfe01],
    ['bfloat16', 0x7f80],
    ['bfloat16', 0xffc0],
  ])('refuses weights of %s that hold %d', async (type, value) => {
    const config = JSON.parse(await readFile(new URL('config.json', MODEL), 'utf8'));
    const name = Object.keys(tensors).find((key) => key.endsWith('query.weight')) as string;
    const { data, dims } = tensors[name] as Tensor;
    const isHalf = type === 'float16' || type === 'bfloat16';
    const array = isHalf
      ? new Uint16Array(data.length)
      : type === 'float64'
        ? new Float64Array(data.length)
        : new Float32Array(data.length);
    const [, inputs] = dims as [number, number];
    for (const at of [0, inputs + 3, data.length - 1]) {
      array.fill(0)[at] = value;
      const call = SwinForImageClassification.fromStateDict(
        { ...tensors, [name]: { data: array, dims, type } },
        config,
      );
      const position = `[${Math.floor(at / inputs)}, ${at % inputs}]`;
      await expect(call).rejects.toThrow(`"${name}" expected finite numbers, got NaN or an infinity at ${position}`);
    }
  });

  it.each([
    ['an index without a map', '{}', RangeError, /bad\/model.safetensors.index.json: "weight_map" expected/],
    [
      'an index of files elsewhere',
      '{"weight_map":{"a":"../b"}}',
      RangeError,
      /"weight_map\["a"\]" expected .*, got "..\/b"/,
    ],
    ['an index that is no JSON', '{', RangeError, /bad\/model.safetensors.index.json expected to be JSON/],
    ['a shard that is not there', '{"weight_map":{"a":"b"}}', Error, /bad\/b expected to be there, got no such file/],
  ])('refuses %s', async (_, index, type, text) => {
    await mkdir(join(directory, 'bad'), { recursive: true });
    await writeFile(join(directory, 'bad/config.json'), await readFile(new URL('config.json', MODEL)));
    await writeFile(join(directory, 'bad', INDEX), index);
    const call = SwinForImageClassification.fromPretrained(join(directory, 'bad'));
    await expect(call).rejects.toThrow(type);
    await expect(call).rejects.toThrow(text);
  });
});
