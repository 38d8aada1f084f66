import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { type SwinConfig, SwinForImageClassification } from '../src/swin/index.js';
import { likeliest } from '../src/swin/scores.js';
import { type GoldenCase, goldenCases } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

describe('likeliest', () => {
  it('sorts softmax or sigmoid scores, the first of equal ones first', () => {
    const labels = ['a', 'b', 'c', 'd'];
    const logits = Float32Array.of(0, 2, 2, -1);
    const total = 1 + 2 * Math.exp(2) + Math.exp(-1);
    expect(likeliest(logits, labels, true, 3)).toEqual([
      { label: 'b', score: expect.closeTo(Math.exp(2) / total, 12) },
      { label: 'c', score: expect.closeTo(Math.exp(2) / total, 12) },
      { label: 'a', score: expect.closeTo(1 / total, 12) },
    ]);
    const independent = likeliest(logits, labels, false, 9);
    expect(independent.map(({ label }) => label)).toEqual(['b', 'c', 'a', 'd']);
    expect(independent[2]?.score).toBe(0.5);
    expect(independent[0]?.score).toBeCloseTo(1 / (1 + Math.exp(-2)), 12);
    expect(likeliest(Float32Array.of(-800, 800), ['a', 'b'], false, 2)).toEqual([
      { label: 'b', score: 1 },
      { label: 'a', score: 0 },
    ]);
  });

  it('takes 200,000 labels, and gives of any what a full sort gives', () => {
    const labels = Array.from({ length: 200_000 }, (_, i) => `${i}`);
    const logits = Float32Array.from(labels, (_, i) => Math.sin(i) * 20);
    expect(likeliest(logits, labels, true, 200_000).length).toBe(200_000);
    const best = Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
    expect(likeliest(logits, labels, true, 5).map(({ label }) => label)).toEqual(best.slice(0, 5).map(String));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1 }), fc.nat(), (values, k) => {
        const some = Float32Array.from(values);
        const order = [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
        const top = likeliest(some, labels, true, k + 1).map(({ label }) => Number(label));
        expect(top).toEqual(order.slice(0, k + 1));
      }),
    );
  });
});

describe('classify', () => {
  const golden = goldenCases('models')[0] as GoldenCase;
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createWindowAttention();
  });
  afterAll(() => attention.dispose());

  const load = (change: object = {}) => {
    const config = { ...configOf(golden), ...change } as SwinConfig;
    return SwinForImageClassification.fromStateDict(stateDictOf(golden), config, { attention });
  };
  const image = (seed: number, width = 20, height = 30) => ({
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (seed + 3) + seed * 31) % 256),
    width,
    height,
  });

  it('gives for many images, in more than one batch, what each alone gives', async () => {
    const model = await load();
    const pixels = model.preprocess(image(0)).data.length;
    // A batch has 2 ** 21 pixel values at most.
    const images = Array.from({ length: Math.floor(2 ** 21 / pixels) + 3 }, (_, i) => image(i, 20 + (i % 3), 30));
    const batch = await model.classify(images, { topK: 3 });
    expect(batch.length).toBe(images.length);
    for (const i of [0, 1, images.length - 1]) {
      const alone = await model.classify(images[i] as (typeof images)[0], { topK: 3 });
      expect(batch[i]?.map(({ label }) => label)).toEqual(alone.map(({ label }) => label));
      alone.forEach(({ score }, rank) => {
        expect(batch[i]?.[rank]?.score).toBeCloseTo(score, 5);
      });
    }
    expect(await model.classify([])).toEqual([]);
  });

  it('scores labels of a multi-label model one by one', async () => {
    const single = await (await load()).classify(image(1), { topK: 10 });
    const multiple = await (await load({ problem_type: 'multi_label_classification' })).classify(image(1), {
      topK: 10,
    });
    const sum = (list: typeof single) => list.reduce((total, { score }) => total + score, 0);
    expect(sum(single)).toBeCloseTo(1, 6);
    expect(multiple.map(({ label }) => label)).toEqual(single.map(({ label }) => label));
    expect(Math.abs(sum(multiple) - 1)).toBeGreaterThan(0.1);
  });
});
