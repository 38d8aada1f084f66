import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreOf } from '../src/attention/engine.js';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import { float32Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { smallSwin } from './support/smallSwin.js';

const next = randomNumbers(5);
const window = (B = 2, H = 2, L = 9, D = 8) => ({
  q: randomTensor([B, H, L, D], next),
  k: randomTensor([B, H, L, D], next),
  v: randomTensor([B, H, L, D], next),
});
/** Takes several turns of the event loop on one thread. */
const long = (backend?: string) => (backend === 'typescript' ? window(64, 4, 49, 16) : window(256, 8, 64, 64));
const image = () => ({ qkv: randomTensor([2, 9, 9, 24], next), numHeads: 2, windowSize: 4, shiftSize: 2 });

/** A tensor's copy in the engine's memory. */
function inside(attention: WindowAttention, tensor: TensorLike) {
  const copy = attention.tensor(tensor.dims);
  copy.data.set(tensor.data as Float32Array);
  return copy;
}

describe.each(BACKENDS)('an engine on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it('rejects what comes after dispose, lets pending calls end, and may be disposed of twice', async () => {
    const engine = await createEngine(options);
    const args = window();
    const expected = await engine.forward(args);
    const pending = [engine.forward(long(options.backend)), engine.forward(args)];
    const disposal = engine.dispose();
    expect(engine.dispose()).toBe(disposal);
    await expect(engine.forward(args)).rejects.toThrow('this WindowAttention was disposed');
    await expect(engine.backward({ ...args, dO: args.q })).rejects.toThrow('disposed');
    await expect(engine.shiftedWindowAttention(image())).rejects.toThrow('disposed');
    await expect(
      engine.shiftedWindowAttentionBackward({ ...image(), dO: randomTensor([2, 9, 9, 8], next) }),
    ).rejects.toThrow('disposed');
    expect(() => engine.tensor([1])).toThrow('this WindowAttention was disposed');
    expect((await pending[1])?.o.data).toEqual(expected.o.data);
    await disposal;
  });

  it('is disposed of by Symbol.asyncDispose', async () => {
    const engine = await createEngine(options);
    await engine[Symbol.asyncDispose]();
    await expect(engine.forward(window())).rejects.toThrow('disposed');
  });

  it('ends the tensors that it made', async () => {
    const engine = await createEngine(options);
    const tensor = engine.tensor([4]);
    const freed = engine.tensor([4]);
    freed.dispose();
    freed.dispose();
    expect(() => freed.data).toThrow('this tensor was disposed');
    await engine.dispose();
    expect(() => tensor.data).toThrow('this tensor was disposed');
    tensor.dispose();
  });

  it('rejects a call whose tensor is freed before it runs, and runs the ones behind it', async () => {
    const args = window();
    const q = inside(attention, args.q);
    const first = attention.forward(long(options.backend));
    const second = attention.forward({ ...args, q });
    const third = attention.forward(args);
    q.dispose();
    await expect(second).rejects.toThrow('this tensor was disposed');
    await first;
    await expect(attention.forward({ ...args, q })).rejects.toThrow('this tensor was disposed');
    expect((await third).o.dims).toEqual(args.q.dims);
  });

  it('rejects with the reason of a signal, before a call, while it waits and between its parts', async () => {
    const reason = new Error('enough');
    const args = window();
    await expect(attention.forward(args, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const { signal } = controller;
    const running = attention.forward(long(options.backend), { signal });
    const waiting = attention.shiftedWindowAttention(image(), { signal });
    const settled = Promise.allSettled([running, waiting]);
    setTimeout(() => controller.abort(reason), 1);
    const [ran, waited] = await settled;
    expect(ran).toEqual({ status: 'rejected', reason });
    expect(waited).toEqual({ status: 'rejected', reason });
    expect((await attention.forward(args)).o.dims).toEqual(args.q.dims);
  });

  it('says that it was disposed of, whatever the arguments are', async () => {
    const engine = await createEngine(options);
    await engine.dispose();
    await expect(engine.forward({} as never)).rejects.toThrow('this WindowAttention was disposed');
    await expect(engine.shiftedWindowAttention({} as never)).rejects.toThrow('this WindowAttention was disposed');
  });

  it('names unknown arguments and options, and takes those of other operations', async () => {
    const args = window();
    await expect(attention.forward({ ...args, biass: args.q } as typeof args)).rejects.toThrow(
      /^"args" expected keys of q, k, v, bias, mask, scale, logitScale, out, dO, chunkDim, got "biass": did you mean bias\?$/,
    );
    const { q } = args;
    const image = { qkv: q, numHeads: 1, windowSize: 1, shiftsize: 1 };
    await expect(attention.shiftedWindowAttention(image as never)).rejects.toThrow(
      /^"args" expected keys of qkv, numHeads, .*, got "shiftsize": did you mean shiftSize\?$/,
    );
    await expect(attention.forward({ ...args, window_size: 7 } as typeof args)).rejects.toThrow(
      /did you mean windowSize\?$/,
    );
    await expect(attention.forward({ ...args, nothing: 7 } as typeof args)).rejects.toThrow(/, got "nothing"$/);
    await expect(attention.forward(args, { Lse: true } as object)).rejects.toThrow(/"options" expected keys .* "Lse"/);
    await expect(attention.backward({ ...args, dO: args.q }, { signal: 1 } as object)).rejects.toThrow(
      /"signal" expected an AbortSignal, got 1/,
    );
    await attention.forward({ ...args, dO: args.q, numHeads: 2 } as typeof args);
    await attention.backward({ ...args, dO: args.q }, { lse: true } as object);
  });

  it('takes arrays of another realm', async () => {
    const args = window();
    const foreign = (tensor: TensorLike) => ({
      dims: tensor.dims,
      data: runInContext('(values) => Float32Array.from(values)', createContext({}))(tensor.data) as Float32Array,
    });
    const expected = await attention.forward(args);
    const { o } = await attention.forward({ q: foreign(args.q), k: foreign(args.k), v: foreign(args.v) });
    expect(o.data).toEqual(expected.o.data);
  });

  it('gives `out` back with its type', async () => {
    const args = window();
    const dims = args.q.dims;
    const expected = await attention.forward(args, { lse: true });
    expect(expected.lse.dims).toEqual([2, 2, 9]);
    const plain = await attention.forward({ ...args, out: { data: new Float64Array(expected.o.data.length), dims } });
    expect(plain.o.type).toBe('float64');
    expect(Float32Array.from(plain.o.data)).toEqual(expected.o.data);
    const out = { data: new Uint16Array(expected.o.data.length), dims, type: 'bfloat16' } as const;
    expect((await attention.forward({ ...args, out })).o).toBe(out);
    const images = image();
    const o = await attention.shiftedWindowAttention(images);
    const imageOut = { data: new Float32Array(o.data.length), dims: o.dims };
    expect((await attention.shiftedWindowAttention({ ...images, out: imageOut })).data).toBe(imageOut.data);
    expect(imageOut.data).toEqual(o.data);
    const dO = randomTensor([2, 9, 9, 8], next);
    const { dQkv } = await attention.shiftedWindowAttentionBackward({ ...images, dO });
    const gradientOut = inside(attention, images.qkv);
    const written = await attention.shiftedWindowAttentionBackward({ ...images, dO, out: gradientOut });
    expect(written.dQkv).toBe(gradientOut);
    expect(gradientOut.data).toEqual(dQkv.data);
    await expect(attention.shiftedWindowAttention({ ...images, out: images.qkv })).rejects.toThrow(/"out" expected/);
  });

  it.runIf('Float16Array' in globalThis)('rounds to a Float16Array by its own type', async () => {
    const Float16 = (globalThis as unknown as { Float16Array: new (n: number) => Float32Array }).Float16Array;
    const args = window();
    const { o } = await attention.forward(args);
    const out = { data: new Float16(o.data.length), dims: o.dims };
    const half = await attention.forward({ ...args, out });
    expect(half.o.type).toBe('float16');
    expect(out.data[0]).toBeCloseTo(o.data[0] as number, 3);
  });

  it('takes every argument of every operation from its own memory, while that grows', async () => {
    const engine = await createEngine(options);
    const bias = randomTensor([2, 9, 9], next);
    const mask = randomTensor([2, 9, 9], next);
    const logitScale = randomTensor([2], next);
    const positions = randomTensor([2, 16, 16], next);
    const paddingQkv = randomTensor([24], next);
    const dO = randomTensor([2, 2, 9, 8], next);
    const dOImage = randomTensor([2, 9, 9, 8], next);
    const operations: [string, object, (args: object) => Promise<object>][] = [
      ['forward', { ...window(), bias, mask, logitScale }, (args) => engine.forward(args as never, { lse: true })],
      ['backward', { ...window(), bias, mask, logitScale, dO }, (args) => engine.backward(args as never)],
      [
        'shiftedWindowAttention',
        { ...image(), relativePositionBias: positions, logitScale, paddingQkv },
        (args) => engine.shiftedWindowAttention(args as never),
      ],
      [
        'shiftedWindowAttentionBackward',
        { ...image(), relativePositionBias: positions, logitScale, paddingQkv, dO: dOImage },
        (args) => engine.shiftedWindowAttentionBackward(args as never),
      ],
    ];
    for (const [name, args, run] of operations) {
      const expected = await run(args);
      for (const [key, value] of Object.entries(args)) {
        if (typeof value !== 'object') continue;
        const tensor = inside(engine, value);
        // Grows the memory between the tensor and the call, so that views of it made before are gone.
        engine.tensor([100_000]).data.fill(Number.NaN);
        expect(await run({ ...args, [key]: tensor }), `${name}, ${key} in kernel memory`).toEqual(expected);
        const view = { data: tensor.data, dims: tensor.dims };
        expect(await run({ ...args, [key]: view }), `${name}, ${key} as a view of it`).toEqual(expected);
      }
    }
    await engine.dispose();
  });

  it('serves models and attention at once from tensors in its memory', async () => {
    const { tensors, config, pixels } = smallSwin();
    const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention });
    const expected = await model.forward(pixels);
    const args = window();
    const { o } = await attention.forward(args);
    const calls = Array.from({ length: 6 }, async () => {
      const [first, second] = await Promise.all([
        model.forward(inside(attention, pixels)),
        attention.forward({ ...args, q: inside(attention, args.q) }),
      ]);
      expect(first.logits.data).toEqual(expected.logits.data);
      expect(second.o.data).toEqual(o.data);
    });
    await Promise.all(calls);
    const last = model.forward(pixels);
    const disposal = model.dispose();
    await expect(model.forward(pixels)).rejects.toThrow('this model was disposed');
    expect((await last).logits.data).toEqual(expected.logits.data);
    await disposal;
    await model.dispose();
    // The engine was made by the caller, and lives on.
    expect((await attention.forward(args)).o.data).toEqual(o.data);
  });

  it('ends models with itself', async () => {
    const engine = await createEngine(options);
    const { tensors, config, pixels } = smallSwin();
    const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention: engine });
    await engine.dispose();
    await expect(model.forward(pixels)).rejects.toThrow('disposed');
    await model.dispose();
    await expect(SwinForImageClassification.fromStateDict(tensors, config, { attention: engine })).rejects.toThrow(
      'disposed',
    );
  });

  it('keeps its operations when the object is copied', async () => {
    expect(coreOf({ ...attention })).toBe(coreOf(attention));
    const wrapped = { ...attention, shiftedWindowAttention: attention.shiftedWindowAttention.bind(attention) };
    expect(coreOf(wrapped)).toBeUndefined();
  });
});

describe('kernel memory', () => {
  it('does not grow over 10,000 calls of random shapes and 1,000 tensors', async () => {
    const attention = await createWindowAttention();
    const { memory } = coreOf(attention) as NonNullable<ReturnType<typeof coreOf>>;
    const random = randomNumbers(31);
    const below = (limit: number) => Math.floor((random() + 1) * 0.5 * limit) % limit;
    const tensors: ReturnType<WindowAttention['tensor']>[] = [];
    let before = 0;
    for (let i = 0; i < 10_000; i++) {
      if (i === 100) before = memory.byteLength;
      const args = window(1 + below(3), 1 + below(3), 1 + below(20), 1 + below(20));
      await attention.forward(args);
      if (i % 10 === 0) tensors.push(attention.tensor([1 + below(5000)]));
      if (tensors.length > 8) tensors.splice(below(8), 1)[0]?.dispose();
    }
    expect(memory.byteLength).toBe(before);
    for (const tensor of tensors) tensor.dispose();
    await attention.dispose();
  });

  it('gives back what a model took, however often one is loaded', async () => {
    const attention = await createWindowAttention();
    const { memory } = coreOf(attention) as NonNullable<ReturnType<typeof coreOf>>;
    const { tensors, config, pixels } = smallSwin();
    const sizes = [];
    for (let i = 0; i < 6; i++) {
      const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention });
      await model.forward(pixels);
      await model.dispose();
      sizes.push(memory.allocatedBytes);
    }
    expect(new Set(sizes).size).toBe(1);
    await attention.dispose();
  });

  it('finds `out` over an input in views that growing left behind', async () => {
    const attention = await createWindowAttention({ threads: 2 });
    const args = window();
    const q = inside(attention, args.q);
    const stale = { data: q.data, dims: q.dims };
    attention.tensor([1_000_000]);
    await expect(attention.forward({ ...args, q, out: stale })).rejects.toThrow(/"out" expected memory of its own/);
    await attention.dispose();
  });

  it('refuses views that growing detached', async () => {
    const attention = await createWindowAttention();
    const args = window();
    const { data, dims } = inside(attention, args.q);
    attention.tensor([1_000_000]);
    await expect(attention.forward({ ...args, q: { data, dims } })).rejects.toThrow(/"q.data" expected 288 elements/);
    await attention.dispose();
  });
});

describe('long calls', () => {
  it('end by their signal in TypeScript too, and let the event loop turn', async () => {
    const attention = await createWindowAttention({ backend: 'typescript' });
    const args = window(64, 2, 64, 32);
    const signal = AbortSignal.timeout(20);
    await expect(attention.forward(args, { signal })).rejects.toThrow(/timeout/i);
    await expect(attention.backward({ ...args, dO: args.q }, { signal: AbortSignal.timeout(20) })).rejects.toThrow(
      /timeout/i,
    );
    await attention.dispose();
  });

  it('let the event loop turn, on one thread and on several', async () => {
    for (const threads of [1, 2]) {
      const attention = await createWindowAttention({ threads });
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      await attention.forward(long());
      clearInterval(timer);
      expect(turns, `${threads} threads`).toBeGreaterThan(0);
      await attention.dispose();
    }
  });

  it('leave short ones to run within the call', async () => {
    const attention = await createWindowAttention();
    const args = window();
    const out = float32Tensor(args.q.dims);
    const pending = attention.forward({ ...args, out });
    expect(out.data.some((value) => value !== 0)).toBe(true);
    await pending;
    await attention.dispose();
  });
});

describe('what the kernels say of extreme values', () => {
  it.each(BACKENDS)(
    'on $title: the largest |v| counts beside a NaN, and lse is NaN where a score is',
    async (options) => {
      const attention = await createEngine(options);
      const dims = [1, 1, 4, 16];
      const v = float32Tensor(dims, new Float32Array(64).fill(3e38));
      v.data[0] = Number.NaN;
      const zeros = float32Tensor(dims);
      const { o } = await attention.forward({ q: zeros, k: zeros, v });
      expect(o.data[8]).toBeCloseTo(3e38, -32);
      const bias = float32Tensor([1, 4, 4], new Float32Array(16).fill(Number.NEGATIVE_INFINITY));
      bias.data[5] = Number.NaN;
      const { lse } = await attention.forward({ q: zeros, k: zeros, v: zeros, bias }, { lse: true });
      expect([...lse.data]).toEqual([
        Number.NEGATIVE_INFINITY,
        Number.NaN,
        Number.NEGATIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
      ]);
      await attention.dispose();
    },
  );
});
