import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { coreOf } from '../src/attention/engine.js';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import type { TensorLike } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { smallSwin } from './support/smallSwin.js';

const next = randomNumbers(17);
const window = (B: number, H: number, L: number, D: number) => ({
  q: randomTensor([B, H, L, D], next),
  k: randomTensor([B, H, L, D], next),
  v: randomTensor([B, H, L, D], next),
});
/** Each needs more memory than the one before, so that each grows it. */
const small = window(2, 2, 9, 8);
const large = { ...window(1, 1, 900, 16), bias: randomTensor([1, 900, 900], next) };
const gradients = {
  ...window(1, 2, 900, 16),
  bias: randomTensor([2, 900, 900], next),
  dO: randomTensor([1, 2, 900, 16], next),
};
const image = {
  qkv: randomTensor([1, 50, 50, 24], next),
  numHeads: 1,
  windowSize: 50,
  shiftSize: 1,
  alwaysShift: true,
};
const { tensors, config, pixels } = smallSwin();

const grow = WebAssembly.Memory.prototype.grow;

/** Refuses the growths of any memory that `isRefused` names, counted from 1; tells how many there were. */
function refuse(isRefused: (n: number) => boolean): () => number {
  let count = 0;
  WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages) {
    if (isRefused(++count)) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded');
    return grow.call(this, pages);
  };
  return () => count;
}

afterEach(() => {
  WebAssembly.Memory.prototype.grow = grow;
});

type Results = Record<string, ArrayLike<number>>;

/** What one caller does with an engine, step by step; every step may be taken again after it failed. */
function steps(attention: WindowAttention, results: Results): Record<string, () => Promise<void>> {
  const keep = (name: string, { data }: TensorLike) => {
    results[name] = (data as Float32Array).slice();
  };
  return {
    forward: async () => keep('o', (await attention.forward(small)).o),
    model: async () => {
      const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention });
      try {
        keep('logits', (await model.forward(pixels)).logits);
      } finally {
        await model.dispose();
      }
    },
    'a tensor in its memory': async () => {
      const q = attention.tensor([2, 2, 9, 8]);
      const other = attention.tensor([500_000]);
      q.data.set(small.q.data);
      keep('o inside', (await attention.forward({ ...small, q })).o);
      other.dispose();
      q.dispose();
    },
    'a larger forward': async () => keep('o large', (await attention.forward(large)).o),
    backward: async () => keep('dQ', (await attention.backward(gradients)).dQ),
    image: async () => keep('o image', await attention.shiftedWindowAttention(image)),
  };
}

/** What a refused growth may be answered with. */
const REFUSED = /kernel memory expected to grow to \d+ bytes/;

describe.each([1, 2])('memory that a host refuses, with %i threads', (threads) => {
  const expected: Results = {};
  let growths = 0;
  beforeAll(async () => {
    const count = refuse(() => false);
    const attention = await createWindowAttention({ threads });
    for (const step of Object.values(steps(attention, expected))) await step();
    growths = count();
    await attention.dispose();
  });

  it('is asked for often enough to be a test', () => {
    expect(growths).toBeGreaterThanOrEqual(5);
  });

  // One refusal is answered by asking for what is needed alone; where that is refused too, the step fails.
  it.each([1, 2])('at any %i times in turn, fails one step clearly or none, which then succeeds', async (times) => {
    for (let refused = 1; refused <= growths; refused++) {
      refuse((n) => n >= refused && n < refused + times);
      const failed: string[] = [];
      let attention: WindowAttention;
      try {
        attention = await createWindowAttention({ threads });
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect(String(error)).toMatch(REFUSED);
        failed.push('createWindowAttention');
        attention = await createWindowAttention({ threads });
      }
      const { memory } = coreOf(attention) as NonNullable<ReturnType<typeof coreOf>>;
      const results: Results = {};
      for (const [name, step] of Object.entries(steps(attention, results))) {
        const before = memory.allocatedBytes;
        await step().catch(async (error: unknown) => {
          expect(error, name).toBeInstanceOf(RangeError);
          expect(String(error), name).toMatch(REFUSED);
          failed.push(name);
          // A tensor that its caller has not freed is the caller's.
          if (name !== 'a tensor in its memory') expect(memory.allocatedBytes, name).toBe(before);
          await step();
        });
      }
      expect(failed, `growth ${refused}`).toHaveLength(times - 1);
      expect(results, `growth ${refused}`).toEqual(expected);
      await attention.dispose();
    }
  });

  it('from some time on, leaves an engine that computes what fits, and ends', async () => {
    for (let first = 2; first <= growths; first++) {
      refuse((n) => n >= first);
      const attention = await createWindowAttention({ threads }).catch((error: unknown) => {
        expect(String(error)).toMatch(REFUSED);
      });
      if (!attention) continue;
      const results: Results = {};
      let isFitting = true;
      for (const [name, step] of Object.entries(steps(attention, results))) {
        await step().catch((error: unknown) => {
          expect(String(error), name).toMatch(REFUSED);
          if (name === 'forward') isFitting = false;
        });
      }
      for (const [name, values] of Object.entries(results)) expect(values, name).toEqual(expected[name]);
      if (isFitting) expect((await attention.forward(small)).o.data).toEqual(expected.o);
      await attention.dispose();
      await expect(attention.forward(small)).rejects.toThrow(/disposed/);
    }
  });
});

it('memory that a host does not give at all is a clear error, and the next engine works', async () => {
  const { Memory } = WebAssembly;
  try {
    for (const threads of [1, 2]) {
      WebAssembly.Memory = class {
        constructor() {
          throw new RangeError('WebAssembly.Memory(): could not allocate memory');
        }
      } as unknown as typeof Memory;
      const outcome = createWindowAttention({ threads, backend: 'wasm' });
      await expect(outcome).rejects.toThrow(RangeError);
    }
  } finally {
    WebAssembly.Memory = Memory;
  }
  const attention = await createWindowAttention({ threads: 2 });
  expect((await attention.forward(small)).o.data).toHaveLength(small.q.data.length);
  await attention.dispose();
});

it('a hundred calls at once on two engines, of one thread and of two, are all answered right', async () => {
  const engines = [await createWindowAttention(), await createWindowAttention({ threads: 2 })];
  const models = await Promise.all(
    engines.map((attention) => SwinForImageClassification.fromStateDict(tensors, config, { attention })),
  );
  const problems = Array.from({ length: 12 }, (_, i) =>
    window(1 + (i % 5), 1 + (i % 3), 1 + 7 * i, 1 + ((5 * i) % 37)),
  );
  const alone = await createWindowAttention();
  const answers: ArrayLike<number>[] = [];
  for (const args of problems) answers.push((await alone.forward(args)).o.data);
  const { logits } = await (models[0] as SwinForImageClassification).forward(pixels);
  const calls = Array.from({ length: 100 }, async (_, i) => {
    const engine = engines[i % 2] as WindowAttention;
    if (i % 10 === 9) {
      const model = models[i % 2] as SwinForImageClassification;
      expect((await model.forward(pixels)).logits.data, `call ${i}`).toEqual(logits.data);
      return;
    }
    const which = (i * 7) % problems.length;
    const { o } = await engine.forward(problems[which] as (typeof problems)[0]);
    expect(o.data, `call ${i}`).toEqual(answers[which]);
  });
  await Promise.all(calls);
  await Promise.all([alone, ...engines].map((engine) => engine.dispose()));
});
