import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWindowAttention } from '../src/index.js';
import { type CaseInputs, checkCase, makeVectors, type Precision, VECTOR_KINDS } from '../src/oracle/index.js';
import { PRECISIONS, ROUNDINGS } from '../src/oracle/precision.js';
import { ORDERS } from '../src/oracle/roundedUnit.js';
import { roundToBfloat16 } from '../src/tensor/half.js';
import { float32Tensor, type Tensor, toFloat64 } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { goldenFile } from './support/golden.js';
import { roundedWindowAttention } from './support/roundedWindowAttention.js';
import { type Tiling, tiledWindowAttention } from './support/tiledWindowAttention.js';

const DIMS = [4, 3, 9, 8] as const;
type Place = { readonly b: number; readonly h: number; readonly i: number; readonly d: number };

/** A float32 tensor of some function of its elements and their places. */
function mapped(tensor: Tensor, map: (x: number, place: Place) => number): Tensor<Float32Array> {
  const [, H, L, D] = tensor.dims as typeof DIMS;
  return float32Tensor(
    tensor.dims,
    Float32Array.from(toFloat64(tensor), (x, at) => {
      const row = Math.floor(at / D);
      return map(x, { b: Math.floor(row / (L * H)), h: Math.floor(row / L) % H, i: row % L, d: at % D });
    }),
  );
}

function randomInputs(seed: number) {
  const next = randomNumbers(seed);
  const tensor = () => randomTensor(DIMS, next);
  return { q: tensor(), k: tensor(), v: tensor(), dO: tensor() };
}

describe('slices', () => {
  const slices: readonly [string, keyof Place, string][] = [
    ['head', 'h', 'head'],
    ['window', 'b', 'window'],
    ['feature column', 'd', 'column'],
  ];
  const small: readonly [Precision, number][] = [
    ['bfloat16', 2 ** -9],
    ['float16', 2 ** -12],
    ['float32', 2 ** -25],
    ['tf32', 2 ** -14],
  ];
  it.each(slices.flatMap((slice) => small.map((size) => [...slice, ...size] as const)))(
    'of small values that a kernel leaves zero fail: one %s, in %4$s',
    (_name, axis, label, dtype, factor) => {
      const { q, k, v } = randomInputs(3);
      const inputs = { q, k, v: mapped(v, (x, place) => (place[axis] === 1 ? factor * x : x)) };
      const { o } = roundedWindowAttention(inputs, dtype) as { o: Tensor<Float32Array> };
      expect(checkCase(inputs, { o }, { dtype }).pass).toBe(true);
      const zeros = mapped(o, (x, place) => (place[axis] === 1 ? 0 : x));
      const verdict = checkCase(inputs, { o: zeros }, { dtype }).tensors.o;
      expect(verdict?.pass).toBe(false);
      expect(verdict?.slices.some((slice) => slice.axis === label && slice.index === 1)).toBe(true);
    },
  );

  it('fail in gradients: a row of the window whose dO is small', () => {
    const { dO, ...forward } = randomInputs(4);
    const inputs = { ...forward, dO: mapped(dO, (x, { i }) => (i === 5 ? 2 ** -25 * x : x)) };
    const { dQ } = roundedWindowAttention(inputs) as { dQ: Tensor<Float32Array> };
    expect(checkCase(inputs, { dQ }).pass).toBe(true);
    const verdict = checkCase(inputs, { dQ: mapped(dQ, (x, { i }) => (i === 5 ? 0 : x)) }).tensors.dQ;
    expect([verdict?.pass, verdict?.slices[0]?.axis, verdict?.slices[0]?.index]).toEqual([false, 'row', 5]);
  });
});

describe('what is not finite', () => {
  const { q, k, v: values } = randomInputs(5);
  const v = mapped(values, (x, { b, h, i, d }) => (b === 1 && h === 2 && i === 3 && d === 4 ? 70000 : x));
  const inputs = { q, k, v };
  const { o } = roundedWindowAttention(inputs, 'float16') as { o: Tensor<Float32Array> };
  const overflows = o.data.filter((x) => !Number.isFinite(x)).length;

  it('is judged apart, and widens no tolerance', () => {
    expect(overflows).toBeGreaterThan(0);
    const verdict = checkCase(inputs, { o }, { dtype: 'float16' }).tensors.o;
    expect([verdict?.pass, verdict?.nonFinite]).toEqual([true, { count: overflows, mismatches: 0 }]);
    expect(verdict?.tolerance).toBeLessThan(0.01);
  });

  it.each([
    ['eight roundings', 65504 - 416, false],
    ['more', 65504 - 608, true],
  ])('may be finite where one of the judges is, but for %s of it', (_, value, isWrong) => {
    // 1/27 as float16 is so much larger that 27 of it overflow.
    const of = (x: number) => float32Tensor([1, 1, 27, 4], new Float32Array(108).fill(x));
    const verdict = checkCase({ q: of(0), k: of(0), v: of(65504) }, { o: of(value) }, { dtype: 'float16' }).tensors.o;
    expect(verdict?.nonFinite).toMatchObject({ count: 108, mismatches: isWrong ? 108 : 0 });
  });

  it.each([
    ['zeros', () => 0],
    ['NaN', () => Number.NaN],
    ['noise where the rest is finite', (x: number) => (Number.isFinite(x) ? x + 0.01 : x)],
    ['zeros for what overflows', (x: number) => (Number.isFinite(x) ? x : 0)],
  ])('lets nothing pass: %s', (_, map) => {
    expect(checkCase(inputs, { o: mapped(o, map) }, { dtype: 'float16' }).pass).toBe(false);
  });
});

describe('right kernels', () => {
  const order = fc.record({
    chunk: fc.constantFrom(1, 3, 4, 8, 16, 32, Number.POSITIVE_INFINITY),
    isScaleFirst: fc.boolean(),
    isNormalisedLast: fc.boolean(),
  });
  const problem = fc.record({
    shape: fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
    ),
    kind: fc.constantFrom(...VECTOR_KINDS),
    bias: fc.boolean(),
    hasMask: fc.boolean(),
    cosine: fc.boolean(),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    dtype: fc.constantFrom(...PRECISIONS),
  });

  it('pass always, whatever the order of their operations', () => {
    fc.assert(
      fc.property(problem, order, ({ hasMask, dtype, ...options }, own) => {
        const stored = dtype === 'bfloat16' || dtype === 'float16' ? dtype : 'float32';
        const inputs = makeVectors({ ...options, nW: hasMask ? 1 : 0, backward: true, dtype: stored });
        const report = checkCase(inputs as unknown as CaseInputs, roundedWindowAttention(inputs as never, dtype, own), {
          dtype,
        });
        expect(Object.entries(report.tensors).filter(([, { pass }]) => !pass)).toEqual([]);
      }),
    );
  });

  const tiling = fc.record({
    keys: fc.constantFrom(1, 4, 16, 64),
    isScaleInQ: fc.boolean(),
    isPRounded: fc.boolean(),
    isDSRounded: fc.boolean(),
    isDeltaOfStored: fc.boolean(),
  });
  const passesTiled = (
    { hasMask, dtype, cosine: _, ...options }: typeof problem extends fc.Arbitrary<infer P> ? P : never,
    own: Tiling,
  ) => {
    const stored = dtype === 'bfloat16' || dtype === 'float16' ? dtype : 'float32';
    const inputs = makeVectors({ ...options, nW: hasMask ? 1 : 0, backward: true as const, dtype: stored });
    const report = checkCase(inputs as CaseInputs, tiledWindowAttention(inputs, dtype, own), { dtype });
    expect(Object.entries(report.tensors).filter(([, { pass }]) => !pass)).toEqual([]);
  };

  it('pass when they are fused: tiles of keys, base 2, what is rounded where', () => {
    const numRuns = Number(process.env.FC_NUM_RUNS ?? 500) / 5;
    fc.assert(fc.property(problem, tiling, passesTiled), { numRuns });
  });

  it.each([
    ['bfloat16', [3, 3, 33, 8], 'extreme', 711],
    ['bfloat16', [3, 3, 9, 16], 'extreme', 4506],
    ['float8_e5m2', [3, 3, 16, 20], 'adversarial', 2746],
  ] as const)('pass where rounding q decides which key wins: %s, %j, %s', (dtype, shape, kind, seed) => {
    const scaled = { keys: 16, isScaleInQ: true, isPRounded: true, isDSRounded: true, isDeltaOfStored: true };
    for (const [bias, hasMask] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      passesTiled({ shape: [...shape], kind, seed, dtype, cosine: false, bias, hasMask }, scaled);
    }
  });

  it('pass on their own adversarial vectors: the engine', async () => {
    const attention = await createWindowAttention({ backend: 'wasm' });
    for (let seed = 1; seed <= 24; seed++) {
      const inputs = makeVectors({
        shape: [6, 2, 49, 32],
        kind: VECTOR_KINDS[seed % 2] ?? 'random',
        bias: true,
        backward: true,
        seed,
      });
      const { dO, ...forward } = inputs as unknown as { readonly [name in 'q' | 'k' | 'v' | 'dO']: Tensor };
      const outputs = {
        ...(await attention.forward(forward, { lse: true })),
        ...(await attention.backward({ ...forward, dO })),
      };
      const report = checkCase({ ...forward, dO }, outputs);
      expect([seed, Object.entries(report.tensors).filter(([, { pass }]) => !pass)]).toEqual([seed, []]);
    }
  });

  it('differ in the orders of the yardstick', () => {
    const inputs = randomInputs(9);
    const [plain, fused] = ORDERS.map((own) => roundedWindowAttention(inputs, 'float32', own).dQ?.data);
    expect(plain).not.toEqual(fused);
  });
});

describe('a real kernel', () => {
  const { tensors, metadata } = goldenFile('mutants');
  it.each([
    ['bfloat16', 'lse', 1.002],
    ['bfloat16', 'dQ', 1.02],
    ['bfloat16', 'dK', 1.02],
    ['bfloat16', 'dV', 1.018],
    ['tf32', 'dQ', 1.0055],
    ['tf32', 'dBias', 1.003],
  ] as const)('passes, and fails with a factor of little more than its rounding: %s, %s, %d', (dtype, name, factor) => {
    const of = (tensor: string) => tensors[`${dtype}.${tensor}`] as Tensor;
    const [q, k, v, bias, mask, dO] = ['q', 'k', 'v', 'bias', 'mask', 'dO'].map(of) as Tensor[];
    const inputs = { q, k, v, bias, mask, dO, scale: Number(metadata.scale) } as CaseInputs;
    const right = of(name === 'lse' ? 'lse.right' : `g.right.${name}`);
    expect(checkCase(inputs, { [name]: right }, { dtype }).pass).toBe(true);
    const store = right.type === 'bfloat16' ? roundToBfloat16 : Math.fround;
    const wrong = float32Tensor(
      right.dims,
      Float32Array.from(toFloat64(right), (x) => store(factor * x)),
    );
    expect(checkCase(inputs, { [name]: wrong }, { dtype }).pass).toBe(false);
  });
});

describe('verdicts', () => {
  const { dO, ...inputs } = randomInputs(6);
  const naive = roundedWindowAttention({ ...inputs, dO }) as { o: Tensor<Float32Array> };

  it('say how errors compare on the whole', () => {
    const verdict = checkCase({ ...inputs, dO }, { o: naive.o }).tensors.o;
    expect(verdict?.rmsRatio).toBeCloseTo(1, 12);
    expect(verdict?.relativeL2).toBeGreaterThan(1e-9);
    expect(verdict?.relativeL2).toBeLessThan(1e-6);
    expect(verdict?.correlation).toBeCloseTo(1, 9);
  });

  it('warn where zeros would pass', () => {
    // One key: P is 1 and dS rounding alone.
    const one = (seed: number) => randomTensor([2, 1, 1, 4], randomNumbers(seed));
    const { dQ, dV } = checkCase(
      { q: one(1), k: one(2), v: one(3), dO: one(4) },
      { dQ: float32Tensor([2, 1, 1, 4]), dV: one(4) },
    ).tensors;
    expect([dQ?.pass, dV?.pass, dV?.warning]).toEqual([true, true, undefined]);
    expect(dQ?.warning).toMatch(/ill-conditioned: rounding may be as large as the values/);
  });

  it('take a tolerance of the caller instead of the rule', () => {
    const o = mapped(naive.o, (x) => x + 1e-3);
    expect(checkCase(inputs, { o }).pass).toBe(false);
    expect(checkCase(inputs, { o }, { atol: 2e-3 }).pass).toBe(true);
    expect(checkCase(inputs, { o }, { rtol: 1e-2 }).pass).toBe(false);
    expect(() => checkCase(inputs, { o }, { atol: -1 })).toThrow(RangeError);
  });

  it.each([
    ['dq', 'dQ'],
    ['grad_v', 'dV'],
    ['softmax_lse', 'lse'],
    ['out', 'o'],
    ['dLogitscale', 'dLogitScale'],
  ])('refuse the name %s and suggest %s', (name, meant) => {
    expect(() => checkCase(inputs, { o: naive.o, [name]: naive.o } as never)).toThrow(
      new RegExp(`did you mean ${meant}\\?`),
    );
    expect(() => checkCase({ ...inputs, attn_mask: naive.o } as never, { o: naive.o })).toThrow(/did you mean mask\?/);
  });
});

describe('eight bits', () => {
  it.each([
    [
      'float8_e4m3fn',
      [448, 464.1, 2 ** -9, 2 ** -10, 1.0625, -1.1875, 17],
      [448, Number.NaN, 2 ** -9, 0, 1, -1.25, 16],
    ],
    [
      'float8_e5m2',
      [57344, 61441, 2 ** -16, 2 ** -17, 1.125, 1.375],
      [57344, Number.POSITIVE_INFINITY, 2 ** -16, 0, 1, 1.5],
    ],
  ] as const)('are rounded to nearest, ties to even: %s', (dtype, values, expected) => {
    expect(values.map((x) => ROUNDINGS[dtype].output(x))).toEqual(expected);
  });
});
