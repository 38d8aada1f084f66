import { createWindowAttention } from 'flash-window-attention';
import {
  coreOf,
  type LinearStep,
  linearJob,
  modelKernels,
  PackedWeights,
  present,
} from 'flash-window-attention/internals';
import { linear } from 'flash-window-attention/reference';
import * as onnxruntimeWeb from 'onnxruntime-web';
import { measure, ratio, type Timing } from './measure.js';
import { Peak } from './peak.js';
import { printResult, type Result, writeResults } from './report.js';
import type { Side } from './side.js';
import { linearGraph } from './sides/onnxGraphs.js';

// npm run bench:linear: the linear layers of Swin-T, from and to each engine's own memory as far as it lets one.

/** Largest error relative to the largest output; of int8 a part of it is rounding. */
const AGREEMENT = 1e-4;
const INT8_AGREEMENT = 1e-2;
const SHAPES = [
  [3136, 96, 288],
  [784, 192, 768],
  [196, 384, 1536],
  [49, 768, 3072],
  [3136, 384, 96],
  [49, 3072, 768],
] as const;

onnxruntimeWeb.env.wasm.numThreads = 1;
const attention = await createWindowAttention({ backend: 'wasm' });
const core = coreOf(attention);
if (!core) throw new Error('this host has no WebAssembly SIMD');
const kernels = await modelKernels(core);
const peak = await Peak.create();
const results: Result[] = [];
for (const [rows, inputs, outputs] of SHAPES) {
  const numbers = (length: number, scale: number) =>
    Float32Array.from({ length }, (_, i) => scale * Math.sin((i * 2654435761) % 100003));
  const x = { data: numbers(rows * inputs, 1), dims: [rows, inputs] };
  const weight = { data: numbers(outputs * inputs, inputs ** -0.5), dims: [outputs, inputs] };
  const bias = { data: numbers(outputs, 1), dims: [outputs] };
  const truth = linear(x, weight, bias).data;

  const weights = new PackedWeights(core, kernels);
  const places = { rows, x: weights.place(present(x)), o: core.memory.allocate(4 * rows * outputs) };
  const layer = { weight: [present(weight)], bias: present(bias) };
  const step = { ...places, layer: weights.linear(layer, 'float32') };
  const int8Step = { ...places, layer: weights.linear(layer, 'int8') };
  const compute = (own: LinearStep) => core.call((call) => call.step(() => linearJob(call, kernels, own)));
  const transposed = new Float32Array(weight.data.length);
  weight.data.forEach((w, i) => {
    transposed[(i % inputs) * outputs + Math.floor(i / inputs)] = w;
  });
  const graph = linearGraph(rows, inputs, outputs, transposed, bias.data);
  const session = await onnxruntimeWeb.InferenceSession.create(graph, { executionProviders: ['wasm'] });
  const feed = { x: new onnxruntimeWeb.Tensor('float32', x.data, x.dims) };
  const sides: Side[] = [
    {
      name: 'flash, kernel memory',
      async run() {
        await compute(step);
        return core.memory.floats(places.o, rows * outputs);
      },
      dispose() {},
    },
    {
      name: 'flash int8, kernel memory',
      async run() {
        await compute(int8Step);
        return core.memory.floats(places.o, rows * outputs);
      },
      dispose() {},
    },
    {
      name: 'flash',
      async run() {
        core.memory.floats(places.x, rows * inputs).set(x.data);
        await compute(step);
        return core.memory.floats(places.o, rows * outputs).slice();
      },
      dispose() {},
    },
    {
      name: 'onnxruntime-web',
      run: async () => (await session.run(feed)).o?.data as Float32Array,
      dispose: () => session.release(),
    },
  ];
  const largest = truth.reduce((max, y) => Math.max(max, Math.abs(y)), 0);
  const errors: number[] = [];
  for (const side of sides) {
    const y = await side.run();
    const error = truth.reduce((max, t, i) => Math.max(max, Math.abs(t - (y[i] as number))), 0) / largest;
    if (!(error < (side.name.includes('int8') ? INT8_AGREEMENT : AGREEMENT)))
      throw new Error(`${side.name} is off by ${error}`);
    errors.push(error);
  }
  peak.sample();
  const timings = await measure(sides);
  const own = timings.find(({ name }) => name === 'flash') as Timing;
  const result: Result = {
    shape: `${rows} × ${inputs} × ${outputs}`,
    sides: timings.map((timing, i) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      gflops: (2 * rows * inputs * outputs) / timing.median / 1e9,
      ratio: ratio(own, timing),
      maxError: errors[i] as number,
    })),
  };
  results.push(result);
  printResult(result, peak.sample());
  const [float, int8] = timings as [Timing, Timing];
  console.log(`int8 is ${ratio(int8, float).toFixed(2)} times as fast as float32`);
  for (const side of sides) await side.dispose();
  weights.release();
  core.memory.free(places.o);
}
await writeResults('linear', 'Linear layers of Swin-T', 'npm run bench:linear', peak.sample(), results);
await attention.dispose();
