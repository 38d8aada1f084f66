import { getEventListeners } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import vm from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeImage } from '../build/image/index.js';
// As built: a pool's workers run the built program.
import { createWindowAttention } from '../build/index.js';
import { createSwinPool, type SwinPool } from '../build/pool/index.js';
import { SwinForImageClassification, SwinModel } from '../build/swin/index.js';

const photograph = new Uint8Array(readFileSync('examples/images/chelsea.png'));
/** Attention that takes seconds, in parts that end soon. */
const long = () => {
  const dims = [16, 8, 2048, 32];
  const tensor = () => ({ data: new Float32Array(16 * 8 * 2048 * 32).fill(0.5), dims });
  return { q: tensor(), k: tensor(), v: tensor() };
};

/** What a call is rejected with; of an answer, that there was one: it is too large to be printed. */
const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => 'an answer',
    (reason: unknown) => reason,
  );

describe('createSwinPool', () => {
  let pool: SwinPool;
  let model: SwinForImageClassification;

  beforeAll(async () => {
    pool = await createSwinPool({ workers: 2 });
    model = await SwinForImageClassification.fromPretrained('models/swin-cifar10');
  });

  afterAll(async () => {
    await pool.dispose();
    await model.dispose();
  });

  it.each([
    [{ maxPixels: 0 }, /^"maxPixels" expected an integer ≥ 1, got 0/],
    [{ cache: 5 }, /^"cache" expected a directory, got 5/],
    [{ relaxed: 1 }, /"relaxed" expected a boolean, got 1/],
    [{ dtype: 'int4' }, /"dtype" expected one of/],
    [{ threads: () => 1 }, /"threads" expected an integer, got Function/],
  ])('refuses %o before a worker starts', async (options, text) => {
    const made = createSwinPool({ workers: 1, ...options } as never).then((own) => own.dispose());
    await expect(made).rejects.toThrow(text);
  });

  it('says what calls expect, of what no worker would hear of too', async () => {
    const refused = async (call: Promise<unknown>, text: RegExp) => {
      const reason = await reasonOf(call);
      expect(String(reason)).toMatch(text);
      expect((reason as Error).name).toMatch(/^(Type|Range)Error$/);
    };
    const empty = new Uint8Array(9);
    structuredClone(empty, { transfer: [empty.buffer] });
    await refused(pool.classify(empty), /expected/);
    await refused(pool.classify(empty.buffer), /expected/);
    await refused(pool.classify({ data: empty, width: 1, height: 3 }), /"image.data" expected 3 or 4 bytes/);
    await refused(pool.classify(photograph, { square: 1 } as never), /"square" expected a boolean, got 1/);
    await refused(pool.embed(photograph, { transfer: 1 } as never), /"transfer" expected a boolean, got 1/);
    await refused(pool.classify(photograph, { topK: () => 1 } as never), /"topK" expected an integer, got Function/);
    const q = { data: new Float32Array(4), dims: [1, 1, 2, 2] };
    await refused(pool.forward({ q, k: q, v: q, scale: () => 1 } as never), /"args" expected values that a message/);
    const lost = new Float32Array(4);
    structuredClone(lost, { transfer: [lost.buffer] });
    await refused(pool.forward({ q: { data: lost, dims: q.dims }, k: q, v: q }), /"q.data" expected 4 elements/);
  });

  it('gives what a model and an engine of the caller give', async () => {
    const image = await decodeImage(photograph);
    const expected = await model.classify(image, { topK: 3, square: true });
    expect(await pool.classify(photograph, { topK: 3, square: true })).toEqual(expected);
    expect(await pool.classify(image, { topK: 3, square: true })).toEqual(expected);
    const { poolerOutput } = await model.forward(model.preprocess(image));
    expect(await pool.embed(photograph)).toEqual(poolerOutput);
    const body = await SwinModel.fromPretrained('models/swin-cifar10', { attention: model.attention });
    expect(poolerOutput).toEqual((await body.forward(model.preprocess(image))).poolerOutput);
    await body.dispose();
    expect(pool.labels).toEqual(model.labels);

    const attention = await createWindowAttention();
    const tensor = (seed: number) => ({
      data: Float32Array.from({ length: 2 * 3 * 9 * 5 }, (_, i) => Math.sin(i * seed)),
      dims: [2, 3, 9, 5],
    });
    const args = { q: tensor(1), k: tensor(2), v: tensor(3), scale: 0.7 };
    expect(await pool.forward(args, { lse: true })).toEqual(await attention.forward(args, { lse: true }));
    expect(args.q.data).toHaveLength(270);
    await attention.dispose();
  });

  it('says of tensors what the engine says, and leaves their memory to the caller', async () => {
    const attention = await createWindowAttention();
    const fits = { data: new Float32Array(4), dims: [1, 1, 2, 2] };
    const empty = { data: new Uint16Array(0), dims: [0, 2, 4, 8], type: 'bfloat16' };
    const own = Buffer.from(new ArrayBuffer(16));
    class Shifted extends Float32Array {
      override slice() {
        return this.subarray() as never;
      }
    }
    const shifted = new Shifted(4);
    for (const args of [
      { q: empty, k: empty, v: empty },
      { q: fits, k: fits, v: fits, mask: { data: own, dims: [1, 2, 2] } },
      { q: { data: new DataView(new ArrayBuffer(16)), dims: fits.dims }, k: fits, v: fits },
      { q: { data: new BigInt64Array(4), dims: fits.dims }, k: fits, v: fits },
      { q: { data: new Uint16Array(4), dims: fits.dims }, k: fits, v: fits },
      { q: { data: fits.data, dims: '1122' }, k: fits, v: fits },
      { q: { data: fits.data }, k: fits, v: fits },
      { q: { data: shifted, dims: fits.dims }, k: fits, v: fits },
      { q: { data: vm.runInNewContext('new Float64Array([1, 2, 3, 4])'), dims: fits.dims }, k: fits, v: fits },
    ] as never[]) {
      const textOf = (reason: Error) => `${reason.name}: ${reason.message}`;
      const expected = await attention.forward(args).catch(textOf);
      expect(await pool.forward(args).catch(textOf)).toEqual(expected);
    }
    expect([own.length, shifted.length, fits.data.length]).toEqual([16, 4, 4]);
    await attention.dispose();
  });

  it('takes the bytes and pixels of another realm, as decodeImage does', async () => {
    const expected = await pool.classify(photograph);
    const foreign = (kind: string, bytes: ArrayLike<number>) => {
      const made = vm.runInNewContext(`new ${kind}(${bytes.length})`);
      (ArrayBuffer.isView(made) ? (made as Uint8Array) : new Uint8Array(made)).set(bytes);
      return made;
    };
    for (const kind of ['Uint8Array', 'ArrayBuffer', 'SharedArrayBuffer']) {
      const file = foreign(kind, photograph);
      expect(await pool.classify(file), kind).toEqual(expected);
      expect(file.byteLength).toBe(photograph.length);
    }
    const { data, width, height } = await decodeImage(photograph);
    const pixels = foreign('Uint8ClampedArray', data);
    expect(await pool.classify({ data: pixels, width, height })).toEqual(expected);
    expect(await pool.classify({ data: pixels, width, height }, { transfer: true })).toEqual(expected);
    expect(pixels).toHaveLength(0);
  });

  it('keeps the arrays of its callers, but for those that are handed over', async () => {
    const around = new Uint8Array(photograph.length + 100);
    around.set(photograph, 50);
    const inside = around.subarray(50, 50 + photograph.length);
    const [label] = await pool.classify(inside, { transfer: true, square: true });
    expect(label?.label).toBe('cat');
    expect(around).toHaveLength(photograph.length + 100);
    const own = photograph.slice();
    await pool.classify(own, { transfer: true });
    expect(own).toHaveLength(0);
    expect(photograph.length).toBeGreaterThan(0);
  });

  it('rejects with the errors of the model, the decoder and the engine, and works on', async () => {
    await expect(pool.classify(new Uint8Array([1, 2, 3]))).rejects.toThrow(RangeError);
    await expect(pool.classify(photograph, { topK: 0 })).rejects.toThrow('"topK" expected an integer ≥ 1');
    await expect(pool.classify({ data: new Uint8Array(5), width: 1, height: 1 })).rejects.toThrow(RangeError);
    await expect(pool.classify('photo.png' as never)).rejects.toThrow(TypeError);
    await expect(pool.classify(photograph, { topk: 1 } as never)).rejects.toThrow('topk');
    await expect(pool.forward({ q: 1 } as never)).rejects.toThrow(TypeError);
    await expect(pool.forward({ q: () => {} } as never)).rejects.toThrow();
    expect((await pool.classify(photograph, { square: true }))[0]?.label).toBe('cat');
  });

  it('ends what a signal aborts, in a worker too', async () => {
    const reason = new Error('enough');
    await expect(pool.classify(photograph, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const reasons = [1, 2, 3].map(() => reasonOf(pool.forward(long(), { signal: abort.signal })));
    await new Promise((resolve) => setTimeout(resolve, 100));
    abort.abort(reason);
    for (const own of reasons) expect(await own).toBe(reason);
    const start = process.cpuUsage();
    const after = await Promise.all([pool.classify(photograph), pool.classify(photograph)]);
    expect(after).toHaveLength(2);
    // Each of the aborted calls takes longer where nothing ends it.
    expect(process.cpuUsage(start).user).toBeLessThan(1_500_000);
    expect(pool.pending).toBe(0);
  });

  it('gives a signal that many calls share one listener, and none behind them', async () => {
    const { signal } = new AbortController();
    const calls = Array.from({ length: 15 }, () => pool.classify(photograph, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('answers 50 calls at once and leaves the event loop free', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const expected = await pool.classify(photograph);
    delay.enable();
    const answers = await Promise.all(Array.from({ length: 50 }, () => pool.classify(photograph)));
    delay.disable();
    for (const answer of answers) expect(answer).toEqual(expected);
    console.log(`event-loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, ${availableParallelism()} cores`);
    // A call of 20 ms on the caller's own thread would make 50 of them a second; machines under load delay a little.
    expect(delay.percentile(50) / 1e6).toBeLessThan(20);
  });
});

describe('the life of a pool', () => {
  it('rejects the call of a worker that ends, and answers the next ones', async () => {
    const pool = await createSwinPool({ workers: 1 });
    const posted = vi.spyOn(Worker.prototype, 'postMessage');
    const ended = reasonOf(pool.forward(long()));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const waiting = pool.classify(photograph, { square: true });
    const [worker] = posted.mock.contexts;
    posted.mockRestore();
    await (worker as Worker).terminate();
    expect(await ended).toMatchObject({ message: expect.stringContaining('the worker that computed this has ended') });
    expect((await waiting)[0]?.label).toBe('cat');
    expect(pool.workers).toBe(1);
    await pool.dispose();
  });

  it('asks a server once for each file that it keeps', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const name = request.url?.slice(1) as string;
      asked.push(name);
      const path = `models/swin-cifar10/${name}`;
      if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cache = await mkdtemp(join(tmpdir(), 'pool-'));
    const { port } = server.address() as AddressInfo;
    const pool = await createSwinPool({ workers: 3, model: `http://127.0.0.1:${port}/`, cache });
    expect(pool.workers).toBe(3);
    await pool.dispose();
    expect(asked).toContain('model.safetensors');
    expect(asked).toEqual([...new Set(asked)]);
    await new Promise((resolve) => server.close(resolve));
    await rm(cache, { recursive: true });
  });

  it('finishes what it was given before it ends', async () => {
    const pool = await createSwinPool({ workers: 1 });
    const calls = [1, 2, 3].map(() => pool.classify(photograph, { square: true }));
    await Promise.all([pool.dispose(), pool.dispose()]);
    for (const call of calls) expect((await call)[0]?.label).toBe('cat');
    await expect(pool.classify(photograph)).rejects.toThrow('this pool was disposed');
  });

  it('rejects where no worker can load the model, and for bad options', async () => {
    await expect(createSwinPool({ workers: 2, model: '/nowhere' })).rejects.toThrow('/nowhere');
    await expect(createSwinPool({ workers: 0 })).rejects.toThrow(RangeError);
    await expect(createSwinPool({ wokers: 1 } as never)).rejects.toThrow('wokers');
    await expect(createSwinPool({ model: 3 } as never)).rejects.toThrow(/^"model" expected a directory or URL/);
    await expect(createSwinPool(null as never)).rejects.toThrow(/^"options" expected an object, got null/);
  });
});
