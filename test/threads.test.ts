import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import type { TensorLike } from '../src/tensor/tensor.js';
import { attentionProblem, imageProblem, randomNumbers, randomTensor } from './support/arbitraries.js';

const THREADS = [1, 2, 4];
const next = randomNumbers(5);

/** A digest of the bits of every tensor of a result. */
function bitsOf(result: object): Record<string, string> {
  const digest = ({ buffer, byteOffset, byteLength }: Float32Array) => {
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
  };
  return Object.fromEntries(Object.entries(result).map(([name, { data }]) => [name, digest(data)]));
}

/** Enough windows for parts of many sizes in many threads. */
function manyWindows(B: number, H: number, L: number, D: number) {
  const tensor = () => randomTensor([B, H, L, D], next);
  const bias = randomTensor([H, L, L], next);
  return { q: tensor(), k: tensor(), v: tensor(), bias, dO: tensor() };
}

describe('1, 2 and 4 threads', () => {
  let engines: WindowAttention[];
  beforeAll(async () => {
    engines = await Promise.all(THREADS.map((threads) => createWindowAttention({ threads })));
  });
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

  async function expectSameBits(call: (attention: WindowAttention) => Promise<object>): Promise<void> {
    const [one, ...others] = await Promise.all(engines.map(async (engine) => bitsOf(await call(engine))));
    for (const other of others) expect(other).toEqual(one);
  }

  it('are so many', () => {
    expect(engines.map(({ threads }) => threads)).toEqual(THREADS);
  });

  it.each([
    [64, 3, 49, 32],
    [37, 5, 17, 23],
    [2, 24, 49, 32],
    [3, 2, 144, 96],
    [40, 4, 256, 32],
  ])('give the same bits at (%i, %i, %i, %i), forward and backward', async (B, H, L, D) => {
    const { dO, ...args } = manyWindows(B, H, L, D);
    await expectSameBits((attention) => attention.forward(args, { lse: true }));
    await expectSameBits((attention) => attention.backward({ ...args, dO }));
    const cosine = { ...args, logitScale: randomTensor([H], next) };
    await expectSameBits((attention) => attention.backward({ ...cosine, dO }));
  });

  it('give the same bits on tensors in kernel memory', async () => {
    const args = manyWindows(64, 3, 49, 32);
    const place = (attention: WindowAttention, { dims, data }: TensorLike) => {
      const tensor = attention.tensor(dims);
      tensor.data.set(data as Float32Array);
      return tensor;
    };
    const results = await Promise.all(
      engines.map(async (attention) => {
        const own = Object.fromEntries(Object.entries(args).map(([name, t]) => [name, place(attention, t)]));
        const out = attention.tensor(args.q.dims);
        await attention.forward({ ...(own as unknown as typeof args), out });
        return bitsOf({ out });
      }),
    );
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it('give the same bits on images, in kernel memory too', async () => {
    const [B, H, W, C, numHeads] = [1, 14, 15, 24, 6];
    const args = {
      qkv: randomTensor([B, H, W, 3 * C], next),
      numHeads,
      windowSize: 7,
      shiftSize: 3,
      relativePositionBias: randomTensor([numHeads, 49, 49], next),
    };
    const dO = randomTensor([B, H, W, C], next);
    const wide = { ...args, qkv: randomTensor([2, 40, 33, 3 * C], next) };
    await expectSameBits(async (attention) => ({ o: await attention.shiftedWindowAttention(args) }));
    await expectSameBits(async (attention) => ({ o: await attention.shiftedWindowAttention(wide) }));
    await expectSameBits((attention) => attention.shiftedWindowAttentionBackward({ ...args, dO }));
    await expectSameBits(async (attention) => {
      const qkv = attention.tensor(args.qkv.dims);
      qkv.data.set(args.qkv.data);
      return { o: await attention.shiftedWindowAttention({ ...args, qkv }) };
    });
  });

  it('give the same bits at random shapes', async () => {
    await fc.assert(
      fc.asyncProperty(attentionProblem, (problem) => expectSameBits((attention) => attention.forward(problem))),
    );
    await fc.assert(
      fc.asyncProperty(imageProblem, (problem) =>
        expectSameBits(async (attention) => ({ o: await attention.shiftedWindowAttention(problem) })),
      ),
    );
  });

  it('answer calls that were made at once', async () => {
    const [first, second] = [manyWindows(40, 2, 20, 16), manyWindows(9, 3, 49, 32)];
    await expectSameBits(async (attention) => {
      const [a, b, c] = await Promise.all([
        attention.forward(first),
        attention.backward(second),
        attention.forward(second),
      ]);
      return { a: a.o, ...b, c: c.o };
    });
  });
});

describe('workers', () => {
  const big = () => manyWindows(256, 4, 64, 64);

  /** The workers that `start` starts. */
  async function workersOf<T>(start: () => Promise<T>): Promise<[T, Worker[]]> {
    const workers: Worker[] = [];
    const listen = (worker: Worker) => workers.push(worker);
    process.on('worker', listen);
    const result = await start();
    process.off('worker', listen);
    return [result, workers];
  }

  it('that die in a call reject it with their reason, and the next call works again', async () => {
    const args = manyWindows(128, 4, 256, 32);
    const [attention, workers] = await workersOf(() => createWindowAttention({ threads: 3 }));
    expect(workers.length).toBe(2);
    const expected = await attention.forward(args);
    const pending = attention.backward(args);
    setTimeout(() => workers[0]?.terminate(), 15);
    await expect(pending).rejects.toThrow(/a worker thread ended with exit code 1/);
    const [again, restarted] = await workersOf(() => attention.forward(args));
    expect(restarted.length).toBe(2);
    expect(bitsOf(again)).toEqual(bitsOf(expected));
    await attention.dispose();
  });

  it('that die between calls are replaced', async () => {
    const args = big();
    const [attention, workers] = await workersOf(() => createWindowAttention({ threads: 2 }));
    const expected = await attention.forward(args);
    await Promise.all(workers.map((worker) => worker.terminate()));
    const [again, restarted] = await workersOf(() => attention.forward(args));
    expect(restarted.length).toBe(1);
    expect(bitsOf(again)).toEqual(bitsOf(expected));
    await attention.dispose();
  });

  it('end with dispose, which waits for the calls that are pending', async () => {
    const args = big();
    const [attention, workers] = await workersOf(() => createWindowAttention({ threads: 3 }));
    const ends = workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve)));
    const pending = attention.forward(args);
    await attention.dispose();
    await Promise.all(ends);
    expect((await pending).o.dims).toEqual([256, 4, 64, 64]);
    await expect(attention.forward(args)).rejects.toThrow(/disposed/);
  });

  it('do not keep a process alive, nor end it while a call is pending', async () => {
    const program = `
      import { createWindowAttention } from ${JSON.stringify(new URL('../build/index.js', import.meta.url).href)};
      const attention = await createWindowAttention({ threads: 2 });
      const tensor = () => ({ data: new Float32Array(64 * 4 * 64 * 64).fill(0.5), dims: [64, 4, 64, 64] });
      attention.forward({ q: tensor(), k: tensor(), v: tensor() }).then(({ o }) => console.log(o.data.length));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 500_000,
    });
    expect(Number(stdout)).toBe(64 * 4 * 64 * 64);
  });

  it('and memory are gone after 1,000 engines', async () => {
    const program = `
      import { createWindowAttention } from ${JSON.stringify(new URL('../build/index.js', import.meta.url).href)};
      let live = 0;
      process.on('worker', (worker) => { live++; worker.on('exit', () => live--); });
      const tensor = () => ({ data: new Float32Array(8 * 2 * 49 * 32).fill(0.5), dims: [8, 2, 49, 32] });
      const args = { q: tensor(), k: tensor(), v: tensor() };
      const cycle = async (threads) => {
        const attention = await createWindowAttention({ threads });
        if (attention.threads !== threads) throw new Error('threads');
        await attention.forward(args);
        await attention.dispose();
      };
      for (let i = 0; i < 100; i++) await cycle(1 + (i & 1));
      globalThis.gc();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 1000; i++) await cycle(1 + (i & 1));
      // A thread that has ended gives its memory back a little later.
      let after = Infinity;
      for (let i = 0; i < 20; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        globalThis.gc();
        after = Math.min(after, process.memoryUsage().rss);
      }
      console.log(JSON.stringify({ growth: after - before, live }));
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', program],
      { timeout: 500_000 },
    );
    const { growth, live } = JSON.parse(stdout);
    expect(live).toBe(0);
    expect(growth).toBeLessThan(20 * 2 ** 20);
  });
});
