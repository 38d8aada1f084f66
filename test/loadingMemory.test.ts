import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';

const MODEL = new URL('../models/swin-cifar10/', import.meta.url);
const MEBI = 2 ** 20;
const pixels = float32Tensor([1, 3, 32, 32]);

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Whether the host collects all of `references`, given a few turns. */
async function areCollected(references: readonly WeakRef<object>[]): Promise<boolean> {
  for (let turn = 0; turn < 20; turn++) {
    collectGarbage();
    if (references.every((reference) => reference.deref() === undefined)) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

describe('a loaded model', () => {
  it('keeps no byte of what a server sent', async () => {
    const references: WeakRef<object>[] = [];
    const fetch = async (input: unknown) => {
      const name = String(input).split('/').at(-1) as string;
      const file = await readFile(new URL(name, MODEL)).catch(() => undefined);
      if (!file) return new Response('', { status: 404 });
      const chunks = Array.from({ length: Math.ceil(file.length / 100_000) }, (_, i) => {
        const chunk = Uint8Array.from(file.subarray(100_000 * i, 100_000 * (i + 1)));
        references.push(new WeakRef(chunk.buffer));
        return chunk;
      });
      return new Response(
        new ReadableStream({
          start: (stream) => {
            for (const chunk of chunks) stream.enqueue(chunk);
            stream.close();
          },
        }),
      );
    };
    const model = await SwinForImageClassification.fromPretrained('https://host/', {
      fetch: fetch as typeof globalThis.fetch,
    });
    expect(references.length).toBeGreaterThan(20);
    expect(await areCollected(references)).toBe(true);
    await model.forward(pixels);
    await model.dispose();
  });

  it('keeps no byte of what was given as bytes', async () => {
    const load = async () => {
      const config = JSON.parse(await readFile(new URL('config.json', MODEL), 'utf8'));
      const weights = Uint8Array.from(await readFile(new URL('model.safetensors', MODEL)));
      const model = await SwinForImageClassification.fromPretrained({ config, weights });
      return [model, new WeakRef(weights.buffer)] as const;
    };
    const [model, reference] = await load();
    expect(await areCollected([reference])).toBe(true);
    await model.forward(pixels);
    await model.dispose();
  });

  it('leaves the tensors that it was given as they were', async () => {
    const { tensors } = readSafetensors(await readFile(new URL('model.safetensors', MODEL)));
    const config = JSON.parse(await readFile(new URL('config.json', MODEL), 'utf8'));
    const first = await SwinForImageClassification.fromStateDict(tensors, config);
    const second = await SwinForImageClassification.fromStateDict(tensors, config);
    expect((await second.forward(pixels)).logits).toEqual((await first.forward(pixels)).logits);
    await Promise.all([first.dispose(), second.dispose()]);
  });
});

const SWIN_T = {
  model_type: 'swin',
  image_size: 224,
  patch_size: 4,
  embed_dim: 96,
  depths: [2, 2, 6, 2],
  num_heads: [3, 6, 12, 24],
  window_size: 7,
  num_labels: 1000,
} as const;

/** The tensors of `SWIN_T` by transformers' names: small numbers, norms of 1. */
function swinTiny(): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  let seed = 1;
  // Bits of numbers between ±0.03 and ±0.06.
  const next = () => {
    seed = (Math.imul(1664525, seed) + 1013904223) >>> 0;
    return ((seed >>> 16) & 0x8000) | 0x2800 | ((seed >>> 8) & 0x3ff);
  };
  const add = (name: string, dims: number[], value = next) => {
    const length = dims.reduce((product, size) => product * size, 1);
    tensors[name] = { data: Uint16Array.from({ length }, value), dims, type: 'float16' };
  };
  const norm = (name: string, C: number) => {
    add(`${name}.weight`, [C], () => 0x3c00);
    add(`${name}.bias`, [C]);
  };
  const linear = (name: string, outputs: number, inputs: number) => {
    add(`${name}.weight`, [outputs, inputs]);
    add(`${name}.bias`, [outputs]);
  };
  add('swin.embeddings.patch_embeddings.projection.weight', [96, 3, 4, 4]);
  add('swin.embeddings.patch_embeddings.projection.bias', [96]);
  norm('swin.embeddings.norm', 96);
  SWIN_T.depths.forEach((depth, stage) => {
    const C = 96 * 2 ** stage;
    const layer = `swin.encoder.layers.${stage}`;
    for (let i = 0; i < depth; i++) {
      const block = `${layer}.blocks.${i}`;
      norm(`${block}.layernorm_before`, C);
      norm(`${block}.layernorm_after`, C);
      for (const part of ['query', 'key', 'value']) linear(`${block}.attention.self.${part}`, C, C);
      add(`${block}.attention.self.relative_position_bias_table`, [169, C / 32]);
      linear(`${block}.attention.output.dense`, C, C);
      linear(`${block}.intermediate.dense`, 4 * C, C);
      linear(`${block}.output.dense`, C, 4 * C);
    }
    if (stage === 3) return;
    norm(`${layer}.downsample.norm`, 4 * C);
    add(`${layer}.downsample.reduction.weight`, [2 * C, 4 * C]);
  });
  norm('swin.layernorm', 768);
  linear('classifier', 1000, 768);
  return tensors;
}

describe('loading a Swin-T of float16', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'swin-tiny-'));
    await writeFile(join(directory, 'model.safetensors'), writeSafetensors(swinTiny()));
    await writeFile(join(directory, 'config.json'), JSON.stringify(SWIN_T));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('takes the memory of its kernels and little more, in a process of its own', async () => {
    const program = `
      import { SwinForImageClassification } from 'flash-window-attention/swin';
      const model = await SwinForImageClassification.fromPretrained(process.argv[1]);
      const data = new Float32Array(3 * 224 * 224).map((_, i) => Math.sin(i));
      const { logits } = await model.forward({ data, dims: [1, 3, 224, 224] });
      const peak = process.resourceUsage().maxRSS * 1024;
      console.log(JSON.stringify({ peak, hasResult: logits.data.every(Number.isFinite) }));
      await model.dispose();`;
    const args = ['--input-type=module', '--eval', program, directory];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { peak, hasResult } = JSON.parse(stdout);
    expect(hasResult).toBe(true);
    // 109 MiB of packed weights, 7 of activations, about 50 of Node itself; the file's 54 come and go.
    expect(peak / MEBI).toBeLessThan(200);
  });
});
