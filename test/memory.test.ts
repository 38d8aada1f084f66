import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coreOf } from '../src/attention/engine.js';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { CallQueue } from '../src/kernel/callQueue.js';
import { KernelMemory } from '../src/kernel/memory.js';
import { SLACK } from '../src/kernel/schema.js';

describe('KernelMemory', () => {
  it('hands out aligned ranges that never overlap, and has one free range when all are back', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ size: fc.integer({ min: 0, max: 300_000 }) }) },
      { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new KernelMemory(KernelMemory.create(false), 1000);
        const live = new Map<number, number>();
        for (const own of steps) {
          if ('size' in own) {
            const pointer = memory.allocate(own.size);
            const end = pointer + own.size + SLACK;
            expect(pointer % 64).toBe(0);
            expect(pointer).toBeGreaterThanOrEqual(1000);
            expect(end).toBeLessThanOrEqual(memory.byteLength);
            for (const [start, size] of live) expect(end <= start || start + size + SLACK <= pointer).toBe(true);
            live.set(pointer, own.size);
          } else if (live.size > 0) {
            const pointer = [...live.keys()][own.free % live.size] as number;
            memory.free(pointer);
            live.delete(pointer);
          }
          for (const { start, end } of memory.freeRanges) {
            for (const [pointer, size] of live) expect(end <= pointer || pointer + size + SLACK <= start).toBe(true);
          }
        }
        for (const pointer of live.keys()) memory.free(pointer);
        expect(memory.allocatedBytes).toBe(0);
        expect(memory.freeRanges).toEqual([{ start: 1024, end: memory.byteLength }]);
      }),
    );
  });

  it('takes the smallest range that fits, so that large ones stay whole', () => {
    const memory = new KernelMemory(KernelMemory.create(false), 1024);
    const sizes = [40_000, 64, 9_000, 64, 20_000, 64];
    const pointers = sizes.map((size) => memory.allocate(size));
    for (const at of [0, 2, 4]) memory.free(pointers[at] as number);
    expect(memory.allocate(8_000)).toBe(pointers[2]);
    expect(memory.allocate(8_000)).toBe(pointers[4]);
    expect(memory.allocate(40_000)).toBe(pointers[0]);
  });

  it('places the arrays of one allocation apart, and none for size 0', () => {
    const memory = new KernelMemory(KernelMemory.create(false), 0);
    const { at, places } = memory.allocateArrays({ a: 10, none: 0 }, { b: 100 }, 3);
    expect(at.none).toBe(0);
    const pointers = [at.a, ...places.map(({ b }) => b)];
    expect(new Set(pointers).size).toBe(4);
    expect(() => memory.free(12)).toThrow(/expected a pointer of "allocate", got 12/);
  });

  it('refuses more than wasm32 addresses, and what a host does not give', () => {
    const memory = new KernelMemory(KernelMemory.create(false), 0);
    expect(() => memory.allocate(2 ** 33)).toThrow(RangeError);
    const grow = memory.wasm.grow.bind(memory.wasm);
    memory.wasm.grow = () => {
      throw new RangeError('no');
    };
    expect(() => memory.allocate(100_000)).toThrow(/kernel memory expected to grow to/);
    memory.wasm.grow = grow;
    expect(memory.allocate(100_000)).toBe(0);
  });
});

describe('CallQueue', () => {
  it('runs calls one at a time in their order, whatever they take and however they end', async () => {
    const call = fc.record({
      turns: fc.integer({ min: 0, max: 3 }),
      fails: fc.boolean(),
      isAborted: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), fc.nat(12), async (calls, closeAfter) => {
        const queue = new CallQueue('queue');
        let running = 0;
        const ran: number[] = [];
        let closed: Promise<void> | undefined;
        let isEnded = false;
        const results = calls.map(({ turns, fails, isAborted }, i) => {
          if (i === closeAfter) {
            closed = queue.close(() => {
              expect(running).toBe(0);
              isEnded = true;
            });
          }
          const controller = new AbortController();
          const result = queue.run(() => {
            expect(isEnded).toBe(false);
            expect(running++).toBe(0);
            ran.push(i);
            const end = () => {
              running--;
              if (fails) throw new Error(`call ${i}`);
              return i;
            };
            if (turns === 0) return end();
            let done = Promise.resolve();
            for (let turn = 0; turn < turns; turn++) done = done.then();
            return done.then(end);
          }, controller.signal);
          if (isAborted) controller.abort(new Error(`abort ${i}`));
          return result;
        });
        const settled = await Promise.allSettled(results);
        await closed;
        expect(ran).toEqual([...ran].sort((a, b) => a - b));
        settled.forEach((result, i) => {
          const own = calls[i] as (typeof calls)[0];
          if (i >= closeAfter) expect(result).toMatchObject({ reason: { message: 'this queue was disposed' } });
          else if (!ran.includes(i)) expect(result).toMatchObject({ reason: { message: `abort ${i}` } });
          else if (own.fails) expect(result).toMatchObject({ reason: { message: `call ${i}` } });
          else expect(result).toEqual({ status: 'fulfilled', value: i });
        });
        expect(isEnded).toBe(closed !== undefined);
      }),
    );
  });

  it('runs ten thousand calls that wait, without a deep stack', async () => {
    const queue = new CallQueue('queue');
    let release = () => {};
    const first = queue.run(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    let count = 0;
    const calls = Array.from({ length: 10_000 }, () => queue.run(() => count++));
    let isFreed = false;
    queue.afterCall(() => {
      isFreed = true;
    });
    expect(isFreed).toBe(false);
    release();
    await Promise.all([first, ...calls]);
    expect(count).toBe(10_000);
    expect(isFreed).toBe(true);
  });
});

describe('the memory of an engine', () => {
  const tensor = (dims: number[]) => ({ data: new Float32Array(dims.reduce((a, b) => a * b, 1)), dims });
  const [B, H, L, D] = [64, 16, 49, 32];
  const [q, dO] = [tensor([B, H, L, D]), tensor([B, H, L, D])];
  const [qkv, dImage] = [tensor([4, 28, 28, 3 * H * D]), tensor([4, 28, 28, H * D])];
  const image = { qkv, numHeads: H, windowSize: 7, shiftSize: 3, relativePositionBias: tensor([H, L, L]) };

  it.each<[string, number, (engine: WindowAttention) => Promise<unknown>]>([
    ['forward', 1.5, (engine) => engine.forward({ q, k: q, v: q })],
    ['backward', 2, (engine) => engine.backward({ q, k: q, v: q, dO })],
    ['shiftedWindowAttention', 3, (engine) => engine.shiftedWindowAttention(image)],
    ['shiftedWindowAttentionBackward', 5, (engine) => engine.shiftedWindowAttentionBackward({ ...image, dO: dImage })],
  ])('holds parts of what %s takes, not all of it', async (_, megabytes, call) => {
    const engine = await createWindowAttention({ backend: 'wasm' });
    await call(engine);
    expect(coreOf(engine)?.memory.byteLength).toBeLessThanOrEqual(megabytes * 2 ** 20);
    await engine.dispose();
  });
});
