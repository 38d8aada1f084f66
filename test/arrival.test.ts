import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { coreOf } from '../src/attention/engine.js';
import { createWindowAttention } from '../src/index.js';
import { writeSafetensors } from '../src/safetensors/index.js';
import { SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import { Arrival, joined, present } from '../src/swin/pending.js';
import { quantizeStateDict } from '../src/swin/quantizeStateDict.js';
import { float32Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { float64ToHalf } from './support/half.js';

const CONFIG = {
  model_type: 'swin',
  image_size: 32,
  patch_size: 4,
  depths: [1, 1],
  window_size: 4,
  num_labels: 10,
} as const;

/** The tensors of a Swin by transformers' names, or by Microsoft's, whose q, k and v are one. */
function tensorsOf(config: { embed_dim: number; num_heads: readonly number[] }, isSplit: boolean) {
  const next = randomNumbers(7);
  const tensors: Record<string, TensorLike> = {};
  const add = (name: string, ...dims: number[]) => {
    tensors[name] = randomTensor(dims, next, 0.05);
  };
  const affine = (name: string, ...dims: number[]) => {
    add(`${name}.weight`, ...dims);
    add(`${name}.bias`, dims[0] as number);
  };
  const C0 = config.embed_dim;
  affine(isSplit ? 'swin.embeddings.patch_embeddings.projection' : 'patch_embed.proj', C0, 3, 4, 4);
  affine(isSplit ? 'swin.embeddings.norm' : 'patch_embed.norm', C0);
  CONFIG.depths.forEach((depth, stage) => {
    const C = C0 * 2 ** stage;
    const layer = isSplit ? `swin.encoder.layers.${stage}` : `layers.${stage}`;
    for (let i = 0; i < depth; i++) {
      const block = `${layer}.blocks.${i}`;
      affine(`${block}.${isSplit ? 'layernorm_before' : 'norm1'}`, C);
      affine(`${block}.${isSplit ? 'layernorm_after' : 'norm2'}`, C);
      if (isSplit) for (const part of ['query', 'key', 'value']) affine(`${block}.attention.self.${part}`, C, C);
      else affine(`${block}.attn.qkv`, 3 * C, C);
      add(
        `${block}.${isSplit ? 'attention.self' : 'attn'}.relative_position_bias_table`,
        49,
        config.num_heads[stage] as number,
      );
      affine(`${block}.${isSplit ? 'attention.output.dense' : 'attn.proj'}`, C, C);
      affine(`${block}.${isSplit ? 'intermediate.dense' : 'mlp.fc1'}`, 4 * C, C);
      affine(`${block}.${isSplit ? 'output.dense' : 'mlp.fc2'}`, C, 4 * C);
    }
    if (stage > 0) return;
    affine(`${layer}.downsample.norm`, 4 * C);
    add(`${layer}.downsample.reduction.weight`, 2 * C, 4 * C);
  });
  affine(isSplit ? 'swin.layernorm' : 'norm', 2 * C0);
  affine(isSplit ? 'classifier' : 'head', 10, 2 * C0);
  return tensors;
}

/** Bytes of the files' tensors that are in memory now, and the most that were. */
function countTensors() {
  const count = { alive: 0, peak: 0 };
  // TypeScript's library of ES2023 knows no buffers that can be resized.
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: object | undefined,
  ) => ArrayBuffer & {
    resize(length: number): void;
  };
  class Counted extends Resizable {
    constructor(length: number, options?: object) {
      super(length, options);
      if (!options) return;
      count.alive += length;
      count.peak = Math.max(count.peak, count.alive);
    }
    override resize(length: number) {
      count.alive += length - this.byteLength;
      count.peak = Math.max(count.peak, count.alive);
      super.resize(length);
    }
  }
  vi.stubGlobal('ArrayBuffer', Counted);
  return count;
}

/** A server of one model, whose stream counts what was taken of it and `hangs` behind so many bytes. */
function serverOf(config: object, file: Uint8Array, hangs = Number.POSITIVE_INFINITY) {
  const served = { bytes: 0, wasCancelled: false };
  const fetch = async (input: unknown) => {
    const name = new URL(String(input)).pathname.split('/').at(-1);
    if (name === 'config.json') return new Response(JSON.stringify(config));
    if (name !== 'model.safetensors') return new Response('', { status: 404 });
    const body = new ReadableStream<Uint8Array>(
      {
        pull(stream) {
          if (served.bytes >= hangs) return new Promise(() => {});
          if (served.bytes === file.length) return stream.close();
          const chunk = file.slice(served.bytes, Math.min(hangs, served.bytes + 10_000));
          served.bytes += chunk.length;
          return stream.enqueue(chunk);
        },
        cancel() {
          served.wasCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body);
  };
  return { served, fetch: fetch as typeof globalThis.fetch };
}

const SMALL = { ...CONFIG, embed_dim: 128, num_heads: [2, 4] };
const pixels = float32Tensor([1, 3, 32, 32], randomTensor([3072], randomNumbers(3)).data);

describe('loading', () => {
  afterEach(() => vi.unstubAllGlobals());

  const types = ['float32', 'float16', 'bfloat16', 'int8'] as const;
  const cases = [
    ...types.map((type) => ({ embed_dim: 128, isSplit: true, type })),
    { embed_dim: 128, isSplit: false, type: 'float16' },
    // No multiple of a panel's rows, so that q, k and v wait for one another.
    { embed_dim: 150, isSplit: true, type: 'float32' },
    { embed_dim: 150, isSplit: true, type: 'int8' },
  ] as const;

  it.each(cases)('has less than two of the largest tensors in memory at once, of %o', async (one) => {
    const { embed_dim, isSplit, type } = one;
    const config = { ...CONFIG, embed_dim, num_heads: [2, 4] };
    const wide = tensorsOf(config, isSplit);
    const tensors =
      type === 'float32'
        ? wide
        : type === 'int8'
          ? quantizeStateDict(wide, config).tensors
          : Object.fromEntries(Object.entries(wide).map(([name, own]) => [name, float64ToHalf(own, type)]));
    const file = writeSafetensors(tensors);
    const sizes = Object.values(tensors).map(({ data }) => (data as Uint16Array).byteLength);
    const directory = await mkdtemp(join(tmpdir(), 'arrival-'));
    try {
      await writeFile(join(directory, 'model.safetensors'), file);
      await writeFile(join(directory, 'config.json'), JSON.stringify(config));
      const expected = await SwinForImageClassification.fromStateDict(tensors, config);
      const { logits } = await expected.forward(pixels);
      for (const [source, options] of [
        [directory, {}],
        ['https://host/', { fetch: serverOf(config, file).fetch }],
      ] as const) {
        const count = countTensors();
        const model = await SwinForImageClassification.fromPretrained(source, options);
        vi.unstubAllGlobals();
        // Those below 64 KiB, which are left to the host, are not counted.
        expect(count.peak).toBeGreaterThanOrEqual(Math.max(...sizes));
        expect(count.peak).toBeLessThan(2 * Math.max(...sizes));
        expect(count.alive).toBe(0);
        expect((await model.forward(pixels)).logits).toEqual(logits);
        await model.dispose();
      }
      await expected.dispose();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('says by the header alone what a model has no place for, lacks or misshapes', async () => {
    const tensors = tensorsOf(SMALL, true);
    const { 'classifier.bias': _, ...lacking } = tensors;
    const short = { data: new Float32Array(9), dims: [9] };
    const integers = { data: new Int32Array(10), dims: [10] };
    for (const [files, expected] of [
      [lacking, /tensor "classifier.bias" expected with dims \[10\], got none/],
      [{ ...tensors, 'classifier.bias': short }, /tensor "classifier.bias" expected dims \[10\], got \[9\]/],
      [{ ...tensors, 'classifier.bias': integers }, /"classifier.bias" expected a tensor of float32, .* got int32/],
      [{ ...tensors, more: short }, /tensors expected: only those of the config, got "more"/],
    ] as const) {
      const file = writeSafetensors(files);
      const { served, fetch } = serverOf(SMALL, file, 10_000);
      await expect(SwinForImageClassification.fromPretrained('https://host/', { fetch })).rejects.toThrow(expected);
      expect(served).toEqual({ bytes: 10_000, wasCancelled: true });
    }
  });

  it('gives kernel memory back where a tensor is not finite, the file ends early or the caller gives up', async () => {
    const attention = await createWindowAttention();
    const { memory } = coreOf(attention) as NonNullable<ReturnType<typeof coreOf>>;
    const before = memory.allocatedBytes;
    const tensors = tensorsOf(SMALL, true);
    const name = 'swin.layernorm.weight';
    const broken = {
      ...tensors,
      [name]: { ...(tensors[name] as TensorLike), data: new Float32Array(256).fill(Number.NaN) },
    };
    const abort = new AbortController();
    const stop = ({ loaded, total }: { loaded: number; total: number }) => {
      if (loaded > total / 2) abort.abort(new Error('enough'));
    };
    const file = writeSafetensors(tensors);
    for (const [own, options, expected] of [
      [writeSafetensors(broken), {}, /tensor "swin.layernorm.weight" expected finite numbers/],
      [file.subarray(0, file.length - 1), {}, /model.safetensors: .* got a file that ends 1 bytes early/],
      [file, { signal: abort.signal, onProgress: stop }, 'enough'],
    ] as const) {
      const { served, fetch } = serverOf(SMALL, own);
      const load = SwinModel.fromPretrained('https://host/', { ...options, fetch, attention });
      await expect(load).rejects.toThrow(expected);
      expect(served.bytes).toBeGreaterThan(file.length / 2);
      expect(memory.allocatedBytes).toBe(before);
    }
    await attention.dispose();
  });

  it('rejects where the engine is disposed of meanwhile', async () => {
    const attention = await createWindowAttention();
    const { fetch } = serverOf(SMALL, writeSafetensors(tensorsOf(SMALL, true)));
    let disposal: Promise<void> | undefined;
    const onProgress = () => {
      disposal ??= attention.dispose();
    };
    const load = SwinModel.fromPretrained('https://host/', { fetch, attention, onProgress });
    await expect(load).rejects.toThrow('disposed');
    await disposal;
  });
});

describe('Pending', () => {
  const tensor = (...data: number[]) => float32Tensor([data.length], Float32Array.from(data));

  it('runs uses when the value comes or at once, in their order', () => {
    const arrival = new Arrival<string>({ dims: [1] });
    const heard: string[] = [];
    arrival.use((value) => heard.push(`first ${value}`));
    arrival.map((value) => value.toUpperCase()).use((value) => heard.push(`then ${value}`));
    expect(heard).toEqual([]);
    arrival.bring('x');
    expect(heard).toEqual(['first x', 'then X']);
    present(tensor(1)).use(({ data }) => heard.push(String(data)));
    expect(heard.at(-1)).toBe('1');
  });

  it('keeps a value that nobody waited for, and no other', () => {
    const [kept, given] = [new Arrival<string>({ dims: [2, 3] }), new Arrival<string>({ dims: [2, 3] })];
    kept.bring('x');
    expect([kept.value, kept.value]).toEqual(['x', 'x']);
    given.use(() => {});
    given.bring('x');
    expect(() => given.value).toThrow('a tensor of dims [2, 3] expected to be there, got none');
  });

  it('joins values in the order of the parts, whatever the order in which they come', () => {
    const parts = [0, 1, 2].map(() => new Arrival<number>({ dims: [] }));
    const whole = joined(parts, { dims: [3], type: 'int8' }, (values) => [...values]);
    for (const i of [2, 0, 1]) parts[i]?.bring(10 * i);
    expect([whole.value, whole.dims, whole.type]).toEqual([[0, 10, 20], [3], 'int8']);
  });

  it('throws what a use throws to who brings the value', () => {
    const arrival = new Arrival<number>({ dims: [] });
    arrival.use(() => {
      throw new RangeError('no place');
    });
    expect(() => arrival.bring(1)).toThrow('no place');
  });
});
