import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WindowAttention } from '../src/index.js';
import { bfloat16ToNumber, float16ToNumber } from '../src/tensor/half.js';
import { float32Tensor, type Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { imageProblem, randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { float64ToHalf } from './support/half.js';

const next = randomNumbers(11);
const tensor = (...dims: number[]) => randomTensor(dims, next);
const [B, H, L, D] = [4, 2, 13, 11];
const window = () => tensor(B, H, L, D);
const windows = { q: window(), k: window(), v: window(), bias: tensor(H, L, L), mask: tensor(2, L, L), dO: window() };
const channels = 3 * H * D;
const image = {
  qkv: tensor(2, 5, 7, channels),
  relativePositionBias: tensor(H, 12, 12),
  paddingQkv: tensor(channels),
  dO: tensor(2, 5, 7, H * D),
};
const layout = { numHeads: H, windowSize: [3, 4], shiftSize: [1, 2] } as const;

/** The numbers that half-precision bits stand for. */
function widened(half: TensorLike): Tensor<Float32Array> {
  const toNumber = half.type === 'float16' ? float16ToNumber : bfloat16ToNumber;
  return float32Tensor(half.dims, Float32Array.from(half.data as Uint16Array, toNumber));
}

describe.each(BACKENDS)('half precision on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  // The TypeScript backend rounds once, from float64.
  it.skipIf(options.backend === 'typescript')('rounds what it writes to images, however narrow', async () => {
    await fc.assert(
      fc.asyncProperty(imageProblem, fc.constantFrom('float16', 'bfloat16'), async (args, type) => {
        const dims = args.qkv.dims.with(-1, (args.qkv.dims[3] as number) / 3);
        const dO = randomTensor(dims, randomNumbers(5));
        const half = (own: readonly number[]) => float64ToHalf(float32Tensor(own), type);
        const forward = (out: TensorLike) => attention.shiftedWindowAttention({ ...args, out });
        expect((await forward(half(dims))).data).toEqual(float64ToHalf(await forward(float32Tensor(dims)), type).data);
        const backward = async (out: TensorLike) =>
          (await attention.shiftedWindowAttentionBackward({ ...args, dO, out })).dQkv;
        const exact = await backward(float32Tensor(args.qkv.dims));
        expect((await backward(half(args.qkv.dims))).data).toEqual(float64ToHalf(exact, type).data);
      }),
    );
  });

  const results = {
    forward: ({ dO: _, ...args }: typeof windows) => attention.forward(args, { lse: true }),
    backward: (args: typeof windows) => attention.backward(args),
    shiftedWindowAttention: async ({ dO: _, ...args }: typeof image) => ({
      o: await attention.shiftedWindowAttention({ ...args, ...layout, out: tensor(2, 5, 7, H * D) }),
    }),
    shiftedWindowAttentionBackward: (args: typeof image) =>
      attention.shiftedWindowAttentionBackward({ ...args, ...layout }),
  };
  const calls = [
    ...Object.keys(windows).flatMap((name) => [...(name === 'dO' ? [] : [['forward', name]]), ['backward', name]]),
    ...Object.keys(image).flatMap((name) => [
      ...(name === 'dO' ? [] : [['shiftedWindowAttention', name]]),
      ['shiftedWindowAttentionBackward', name],
    ]),
  ] as [keyof typeof results, string][];

  describe.each(['float16', 'bfloat16'] as const)('%s', (type) => {
    it.each(calls)('%s takes the bits of %s for the numbers that they stand for', async (method, name) => {
      const args = (method.startsWith('shifted') ? image : windows) as Record<string, Tensor<Float32Array>>;
      const run = results[method] as (args: unknown) => Promise<Record<string, Tensor>>;
      const half = float64ToHalf(args[name] as Tensor, type);
      const exact = widened(half);
      expect(exact.data).not.toEqual(args[name]?.data);
      const [actual, expected] = [await run({ ...args, [name]: half }), await run({ ...args, [name]: exact })];
      for (const [output, { data }] of Object.entries(expected)) {
        const got = actual[output] as Tensor;
        // Gradients of half-precision inputs have their type.
        const numbers = got.type === 'float32' || got.type === 'float64' ? got : widened(got);
        const rounded =
          got.type === type ? widened(float64ToHalf({ ...(expected[output] as Tensor) }, type)).data : data;
        expect(numbers.data, output).toEqual(rounded);
      }
    });
  });
});
