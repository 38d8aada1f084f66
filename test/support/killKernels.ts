// node build/mutants/killKernels.mjs DIRECTORY: ends with 1 where the kernels there compute something wrong in some 200
// problems. The first, fast test of scripts/mutateKernels.mjs; what survives it meets the suites.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { coreOf } from '../../src/attention/engine.js';
import { createWindowAttention } from '../../src/index.js';
import { givenSource } from '../../src/kernel/kernelSource.js';
import {
  gelu,
  layerNorm,
  linear,
  shiftedWindowAttention,
  shiftedWindowAttentionBackward,
  windowAttention,
  windowAttentionBackward,
} from '../../src/reference/index.js';
import { linearInt8, quantizeWeight } from '../../src/reference/linearInt8.js';
import { linearJob } from '../../src/swin/linearJob.js';
import { roundedWeight } from '../../src/swin/linearWeight.js';
import { PackedWeights } from '../../src/swin/packedWeights.js';
import { present } from '../../src/swin/pending.js';
import { float32Tensor, type TensorLike } from '../../src/tensor/tensor.js';
import { attentionProblem, imageProblem, randomNumbers, randomTensor } from './arbitraries.js';
import { arrivedLayer, arrivedNorm } from './arrived.js';
import { maxError, shareOfBound } from './errors.js';
import { imageRoundingBounds, roundingBounds } from './roundingBounds.js';

const directory = process.argv[2] as string;
const bytes = (name: string) => new Uint8Array(readFileSync(`${directory}/${name}.wasm`));
const attention = await createWindowAttention({ backend: 'wasm', wasm: bytes('simd') });
const core = coreOf(attention);
if (!core) throw new Error('no kernels');

type Tensors = Readonly<Record<string, TensorLike | undefined>>;

function expectWithin(actual: object, truth: object, bounds: Tensors, names: readonly string[]): void {
  for (const name of names) {
    const [got, expected, bound] = [actual, truth, bounds].map((of) => (of as Tensors)[name]);
    if (expected && !(shareOfBound(got as TensorLike, expected, bound as TensorLike) <= 1)) {
      throw new Error(`${name} is wrong`);
    }
  }
}

const GRADIENTS = ['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'];
for (const [i, args] of fc.sample(attentionProblem, { seed: 3, numRuns: 60 }).entries()) {
  const dO = randomTensor(args.q.dims, randomNumbers(i));
  const bounds = roundingBounds({ ...args, dO });
  expectWithin(await attention.forward(args, { lse: true }), windowAttention(args), bounds, ['o', 'lse']);
  const gradients = await attention.backward({ ...args, dO });
  expectWithin(gradients, windowAttentionBackward({ ...args, dO }), bounds, GRADIENTS);
}

const IMAGE_GRADIENTS = ['dQkv', 'dRelativePositionBias', 'dLogitScale'];
for (const [i, args] of fc.sample(imageProblem, { seed: 4, numRuns: 60 }).entries()) {
  const dims = [...args.qkv.dims.slice(0, 3), (args.qkv.dims[3] as number) / 3];
  const dO = randomTensor(dims, randomNumbers(i));
  const bounds = imageRoundingBounds({ ...args, dO });
  expectWithin({ o: await attention.shiftedWindowAttention(args) }, { o: shiftedWindowAttention(args) }, bounds, ['o']);
  const gradients = await attention.shiftedWindowAttentionBackward({ ...args, dO });
  expectWithin(gradients, shiftedWindowAttentionBackward({ ...args, dO }), bounds, IMAGE_GRADIENTS);
}

const kernels = await core.model(await givenSource(bytes('model-simd')));
const next = randomNumbers(5);
for (let i = 0; i < 60; i++) {
  const [rows, inputs, outputs] = [1 + ((7 * i) % 23), [1, 8, 33, 96, 513, 20][i % 6] as number, 1 + ((5 * i) % 40)];
  const type = ([undefined, 'float16', 'bfloat16', 'int8'] as const)[i % 4];
  const x = randomTensor([rows, inputs], next, 2);
  const weight = randomTensor([outputs, inputs], next, inputs ** -0.5);
  const bias = i % 3 ? randomTensor([outputs], next) : undefined;
  const norm = { weight: randomTensor([inputs], next), bias: randomTensor([inputs], next) };
  const hasNorm = i % 5 < 2;
  const weights = new PackedWeights(core, kernels);
  const o = core.memory.allocate(4 * (rows * outputs + 1));
  core.memory.floats(o, rows * outputs + 1).fill(7);
  const step = {
    rows,
    layer: weights.linear(arrivedLayer(weight, bias), type),
    x: weights.place(present(x)),
    o,
    norm: hasNorm ? weights.norm(arrivedNorm(norm, 1e-5)) : undefined,
    isGelu: i % 7 < 3,
  };
  await core.call((call) => call.step(() => linearJob(call, kernels, step)));
  const normed = hasNorm ? layerNorm(x, norm.weight, norm.bias, 1e-5) : x;
  const sum =
    type === 'int8'
      ? linearInt8(float32Tensor([rows, inputs], Float32Array.from(normed.data)), quantizeWeight(weight), bias)
      : linear(normed, roundedWeight(weight, type), bias);
  const actual = float32Tensor([rows, outputs], core.memory.floats(o, rows * outputs).slice());
  const bound = type === 'int8' && hasNorm ? 2e-3 : 2e-5;
  if (!(maxError(actual, step.isGelu ? gelu(sum) : sum) <= bound)) throw new Error(`linear ${i} is wrong`);
  if (core.memory.floats(o, rows * outputs + 1).at(-1) !== 7) throw new Error(`linear ${i} writes behind its end`);
  weights.release();
  core.memory.free(o);
}
await attention.dispose();
