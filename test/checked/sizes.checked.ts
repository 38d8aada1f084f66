import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { coreOf } from '../../src/attention/engine.js';
import { createWindowAttention, type WindowAttention } from '../../src/index.js';
import type { KernelCore } from '../../src/kernel/core.js';
import { SLACK } from '../../src/kernel/schema.js';
import { windowAttention, windowAttentionBackward } from '../../src/reference/index.js';
import { attentionProblem, imageProblem, randomNumbers, randomTensor } from '../support/arbitraries.js';
import { maxAbs, maxError } from '../support/errors.js';
import { checkedAccesses } from './memory.js';

/** How many shapes are drawn, and every which size of the exhaustive tests is taken. */
const SHAPES = Number(process.env.CHECKED_SHAPES ?? 500);
const STEP = Number(process.env.CHECKED_STEP ?? 3);
const LARGEST = 70;

let attention: WindowAttention;
beforeAll(async () => {
  attention = await createWindowAttention({ backend: 'wasm' });
});
afterAll(async () => {
  console.info(`${checkedAccesses()} loads and stores were checked`);
  await attention.dispose();
});

const next = randomNumbers(1);
const tensor = (L: number, D: number) => randomTensor([1, 2, L, D], next);

it('finds a store beyond an array and its slack, one in an input, and a load of what nobody allocated', async () => {
  const core = coreOf(attention) as KernelCore;
  const [L, D] = [8, 8];
  const bytes = 4 * L * D;
  const run = (oBytes: number, change: (at: Record<'q' | 'k' | 'v' | 'o', number>) => Partial<typeof at>) =>
    core.call((call) => {
      const sizes = call.scratch(core.exports.windowAttentionScratch(L, D));
      const { at } = call.work({ q: bytes, k: bytes, v: bytes, o: oBytes, scratch: sizes.scratch });
      const none = { bias: 0, mask: 0, logitFactors: 0, lse: 0 };
      const { q, k, v, o } = { ...at, ...change(at) };
      const args = { windowHeads: 1, first: 0, H: 1, L, D, nW: 1, q, k, v, o, scale: 1, ...none };
      const job = { kernel: 'windowAttention', parts: 1, ...sizes, scratch: at.scratch, enter: () => args } as const;
      return call.run(job, () => 'done');
    });
  expect(await run(bytes, () => ({}))).toBe('done');
  expect(await run(bytes - SLACK, () => ({}))).toBe('done');
  await expect(run(bytes - SLACK - 4, () => ({}))).rejects.toThrow(/a kernel stores \d+ bytes at \d+, outside/);
  await expect(run(bytes, ({ v }) => ({ o: v }))).rejects.toThrow(/a kernel stores \d+ bytes at \d+, in an input/);
  await expect(run(bytes, ({ q }) => ({ k: q - 64 }))).rejects.toThrow(/a kernel loads \d+ bytes at \d+, outside/);
  await expect(run(bytes, () => ({ q: core.memory.byteLength - bytes }))).rejects.toThrow(/a kernel loads .* outside/);
});

it(`forward stays in its arrays for every L and D from 1 to ${LARGEST}`, async () => {
  for (let L = 1; L <= LARGEST; L++) {
    for (let D = 1; D <= LARGEST; D++) {
      // Everything at once where the sizes are odd, nothing beside q, k and v where they are even.
      const options = (L + D) % 2 ? { bias: randomTensor([2, L, L], next), logitScale: randomTensor([2], next) } : {};
      const args = { q: tensor(L, D), k: tensor(L, D), v: tensor(L, D), ...options };
      const { o } = await attention.forward(args, { lse: D % 2 === 0 });
      if ((L * LARGEST + D) % STEP === 0) {
        expect(maxError(o, windowAttention(args).o), `L = ${L}, D = ${D}`).toBeLessThanOrEqual(1e-5 * maxAbs(args.v));
      } else expect(o.data.every(Number.isFinite), `L = ${L}, D = ${D}`).toBe(true);
    }
  }
});

it(`backward stays in its arrays for L and D from 1 to ${LARGEST}, one D in ${STEP}`, async () => {
  for (let L = 1; L <= LARGEST; L += 1) {
    for (let D = 1 + (L % STEP); D <= LARGEST; D += STEP) {
      const options = (L + D) % 2 ? { bias: randomTensor([2, L, L], next), logitScale: randomTensor([2], next) } : {};
      const args = { q: tensor(L, D), k: tensor(L, D), v: tensor(L, D), dO: tensor(L, D), ...options };
      const actual = await attention.backward(args);
      const isJudged = D % 5 === 0 && L % 5 === 0;
      const truth = isJudged ? windowAttentionBackward(args) : undefined;
      for (const name of ['dQ', 'dK', 'dV'] as const) {
        if (truth) expect(maxError(actual[name], truth[name])).toBeLessThanOrEqual(1e-4 * (1 + maxAbs(truth[name])));
        else expect(actual[name].data.every(Number.isFinite), `${name}, L = ${L}, D = ${D}`).toBe(true);
      }
    }
  }
});

it(`forward and backward stay in their arrays over ${SHAPES} random shapes`, async () => {
  await fc.assert(
    fc.asyncProperty(attentionProblem, async (args) => {
      await attention.forward(args, { lse: true });
      await attention.backward({ ...args, dO: args.v });
    }),
    { numRuns: SHAPES },
  );
});

it(`images' attention stays in its arrays over ${SHAPES} random shapes`, async () => {
  await fc.assert(
    fc.asyncProperty(imageProblem, async (args) => {
      const o = await attention.shiftedWindowAttention(
        args as Parameters<WindowAttention['shiftedWindowAttention']>[0],
      );
      await attention.shiftedWindowAttentionBackward({
        ...(args as Parameters<WindowAttention['shiftedWindowAttention']>[0]),
        dO: o as never,
      });
    }),
    { numRuns: SHAPES },
  );
});

// Windows so large that what scratch has to spare for small ones hides no array that is too long.
it.each([
  [64, 8, 8],
  [40, 12, 4],
  [8, 9, 11],
])(
  'cosine attention of images stays in its arrays with heads of %i and windows of %i × %i',
  async (headDim, Wh, Ww) => {
    const args = {
      qkv: randomTensor([1, 2 * Wh - 1, 2 * Ww - 1, 6 * headDim], next),
      numHeads: 2,
      windowSize: [Wh, Ww] as [number, number],
      shiftSize: [1, 2] as [number, number],
      relativePositionBias: randomTensor([2, Wh * Ww, Wh * Ww], next),
      logitScale: randomTensor([2], next),
    };
    const dO = await attention.shiftedWindowAttention(args);
    await attention.shiftedWindowAttentionBackward({ ...args, dO });
  },
);
