import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernels as attentionKernels } from '#kernels';
import { type KernelCall, KernelCore } from '../src/kernel/core.js';
import type { Job } from '../src/kernel/job.js';
import { packagedSource } from '../src/kernel/kernelSource.js';
import { CONSTANTS } from '../src/kernel/schema.js';
import { gelu, layerNorm, linear } from '../src/reference/index.js';
import { linearInt8, quantizeWeight } from '../src/reference/linearInt8.js';
import { layerNormJob } from '../src/swin/layerNormJob.js';
import { linearJob } from '../src/swin/linearJob.js';
import { roundedWeight } from '../src/swin/linearWeight.js';
import { type ModelKernels, modelKernels } from '../src/swin/modelKernels.js';
import { PackedWeights } from '../src/swin/packedWeights.js';
import { present } from '../src/swin/pending.js';
import { float32Tensor, float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { arrivedLayer, arrivedNorm } from './support/arrived.js';
import { maxError } from './support/errors.js';
import { float64ToHalf } from './support/half.js';

const EPS = 1e-5;
const problem = fc.record({
  rows: fc.integer({ min: 1, max: 90 }),
  inputs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(96, 511, 512, 513, 1030)),
  outputs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(96, 100)),
  hasNorm: fc.boolean(),
  hasBias: fc.boolean(),
  isGelu: fc.boolean(),
  residual: fc.constantFrom('none', 'apart', 'in place'),
  type: fc.constantFrom('float32', 'float16', 'bfloat16'),
  dtype: fc.constantFrom(undefined, 'float32' as const, 'float16' as const, 'bfloat16' as const),
  isSplit: fc.boolean(),
  seed: fc.integer(),
});

function add(a: TensorLike, b: TensorLike): Tensor<Float64Array> {
  const y = toFloat64(b);
  return float64Tensor(
    a.dims,
    toFloat64(a).map((value, i) => value + (y[i] as number)),
  );
}

/** A job of one thread in the parts that many threads share, a panel each. */
function byPanels(job: Job<'linear'>, outputs: number): Job<'linear'> {
  const panels = Math.ceil(outputs / CONSTANTS.PANEL);
  return {
    ...job,
    parts: job.parts * panels,
    enter: (part, place) => ({
      ...job.enter(Math.floor(part / panels), place),
      firstPanel: part % panels,
      panels: 1,
    }),
  };
}

describe.each([1, 3])('linear and layerNorm in %i threads', (threads) => {
  let core: KernelCore;
  let kernels: ModelKernels;
  beforeAll(async () => {
    core = await KernelCore.create(packagedSource(attentionKernels, 'simd'), threads);
    kernels = await modelKernels(core);
  });
  afterAll(() => core.dispose());

  /** What a job leaves in `[rows, columns]` at `pointer`; what lies behind it must stay. */
  function outputAt(pointer: number, rows: number, columns: number): Tensor<Float32Array> {
    const data = core.memory.floats(pointer, rows * columns + 8).slice();
    expect([...data.subarray(rows * columns)]).toEqual(new Array(8).fill(7));
    return float32Tensor([rows, columns], data.slice(0, rows * columns));
  }

  function outputPlace(rows: number, columns: number): number {
    const pointer = core.memory.allocate(4 * (rows * columns + 8));
    core.memory.floats(pointer, rows * columns + 8).fill(7);
    return pointer;
  }

  it('agree with the reference at random sizes, fused with norm, bias, gelu and residual', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async ({ rows, inputs, outputs, type, dtype, seed, ...options }) => {
        const { hasNorm, hasBias, isGelu, residual, isSplit } = options;
        const next = randomNumbers(seed);
        const x = randomTensor([rows, inputs], next, 2);
        const wide = randomTensor([outputs, inputs], next, inputs ** -0.5);
        const weight = type === 'float32' ? wide : float64ToHalf(wide, type as 'float16');
        const bias = hasBias ? randomTensor([outputs], next) : undefined;
        const norm = { weight: randomTensor([inputs], next), bias: randomTensor([inputs], next) };
        const added = randomTensor([rows, outputs], next);

        const normed = hasNorm ? layerNorm(x, norm.weight, norm.bias, EPS) : x;
        const sum = linear(normed, roundedWeight(weight, dtype), bias);
        const whole = residual === 'none' ? sum : add(sum, added);
        const expected = isGelu ? gelu(whole) : whole;

        const weights = new PackedWeights(core, kernels);
        const o = outputPlace(rows, outputs);
        if (residual === 'in place') core.memory.floats(o, rows * outputs).set(added.data);
        const step = {
          rows,
          layer: weights.linear(arrivedLayer(weight, bias), dtype),
          x: weights.place(present(x)),
          o,
          norm: hasNorm ? weights.norm(arrivedNorm(norm, EPS)) : undefined,
          isGelu,
          residual: { none: 0, apart: weights.place(present(added)), 'in place': o }[residual] as number,
        };
        const jobOf = (call: KernelCall) => linearJob(call, kernels, step) as Job<'linear'>;
        await core.call((call) =>
          call.step(() => (isSplit && threads === 1 ? byPanels(jobOf(call), outputs) : jobOf(call))),
        );
        expect(maxError(outputAt(o, rows, outputs), expected)).toBeLessThanOrEqual(2e-5);
        weights.release();
        core.memory.free(o);
      }),
      { numRuns: 200 },
    );
  });

  it('have the bits of the int8 reference where weights are int8, behind a norm too', async () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 200 }),
      inputs: fc.constantFrom(1, 8, 33, 96, 513),
      outputs: fc.constantFrom(1, 8, 33, 96),
      hasNorm: fc.boolean(),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ rows, inputs, outputs, hasNorm, seed }) => {
        const next = randomNumbers(seed);
        const weight = randomTensor([outputs, inputs], next);
        const bias = randomTensor([outputs], next);
        const added = randomTensor([rows, outputs], next);
        const weights = new PackedWeights(core, kernels);
        const x = weights.place(present(randomTensor([rows, inputs], next)));
        const norm = { weight: randomTensor([inputs], next), bias: randomTensor([inputs], next) };
        const packed = weights.norm(arrivedNorm(norm, EPS));
        const normed = outputPlace(rows, inputs);
        await core.call((call) => call.step(() => layerNormJob(call, rows, packed, x, 0, normed)));
        const input = core.memory.floats(hasNorm ? normed : x, rows * inputs).slice();
        const expected = linearInt8(float32Tensor([rows, inputs], input), quantizeWeight(weight), bias, added);
        const o = outputPlace(rows, outputs);
        core.memory.floats(o, rows * outputs).set(added.data);
        const layer = weights.linear(arrivedLayer(weight, bias), 'int8');
        const step = { rows, layer, x, o, norm: hasNorm ? packed : undefined, residual: o };
        await core.call((call) => call.step(() => linearJob(call, kernels, step)));
        expect(outputAt(o, rows, outputs).data).toEqual(expected.data);
        weights.release();
        core.memory.free(o);
        core.memory.free(normed);
      }),
      { numRuns: 100 },
    );
  });

  it('agree with the reference on rows alone, with and without a residual in place', async () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 70 }),
      C: fc.integer({ min: 1, max: 600 }),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async ({ rows, C, seed }, isResidual) => {
        const next = randomNumbers(seed);
        const x = randomTensor([rows, C], next, 3);
        const added = randomTensor([rows, C], next);
        const norm = { weight: randomTensor([C], next), bias: randomTensor([C], next) };
        const normed = layerNorm(x, norm.weight, norm.bias, EPS);
        const weights = new PackedWeights(core, kernels);
        const out = outputPlace(rows, C);
        if (isResidual) core.memory.floats(out, rows * C).set(added.data);
        const packed = weights.norm(arrivedNorm(norm, EPS));
        const at = weights.place(present(x));
        await core.call((call) => call.step(() => layerNormJob(call, rows, packed, at, isResidual ? out : 0, out)));
        // A row of one or two numbers may cancel; its variance is then that of rounding.
        const bound = C < 3 ? 1e-2 : 2e-5;
        expect(maxError(outputAt(out, rows, C), isResidual ? add(normed, added) : normed)).toBeLessThanOrEqual(bound);
        weights.release();
        core.memory.free(out);
      }),
      { numRuns: 200 },
    );
  });
});
