import { createWindowAttention } from 'flash-window-attention';
import { linear } from 'flash-window-attention/reference';
import * as onnxruntimeWeb from 'onnxruntime-web';
import { machine } from './machine.js';
import { measure, ratio, type Timing } from './measure.js';
import { peakGflops } from './peak.js';
import { printResult, type Result, writeReport } from './report.js';
import type { Side } from './side.js';
import { linearGraph } from './sides/onnxGraphs.js';

// npm run bench:linear: the linear layers of Swin-T, from and to each engine's own memory as far as it lets one.

/** Largest error relative to the largest output. */
const AGREEMENT = 1e-4;
const SHAPES = [
  [3136, 96, 288],
  [784, 192, 768],
  [196, 384, 1536],
  [49, 768, 3072],
  [3136, 384, 96],
  [49, 3072, 768],
] as const;

/** What this file uses of the library's inside, which has no entry point. */
interface Inside {
  kernelOf(attention: unknown): { run(prepare: () => unknown): Promise<void>; memory: Memory };
  linearJob(kernel: unknown, call: object): unknown;
  packLinear(kernel: unknown, weight: object, bias: object): unknown;
}
interface Memory {
  reserve(bytes: number): number;
  floats(pointer: number, length: number): Float32Array;
}
const inside = (await Promise.all(
  ['attention/createEngine.js', 'swin/linearJob.js', 'swin/packedWeights.js'].map(
    (path) => import(new URL(`../../build/${path}`, import.meta.url).href),
  ),
).then((modules) => Object.assign({}, ...modules))) as Inside;

onnxruntimeWeb.env.wasm.numThreads = 1;
const attention = await createWindowAttention({ backend: 'wasm' });
const kernel = inside.kernelOf(attention);
const results: Result[] = [];
for (const [rows, inputs, outputs] of SHAPES) {
  const numbers = (length: number, scale: number) =>
    Float32Array.from({ length }, (_, i) => scale * Math.sin((i * 2654435761) % 100003));
  const x = { data: numbers(rows * inputs, 1), dims: [rows, inputs] };
  const weight = { data: numbers(outputs * inputs, inputs ** -0.5), dims: [outputs, inputs] };
  const bias = { data: numbers(outputs, 1), dims: [outputs] };
  const truth = linear(x, weight, bias).data;

  const call = {
    rows,
    layer: inside.packLinear(kernel, weight, bias),
    x: kernel.memory.reserve(4 * rows * inputs),
    o: kernel.memory.reserve(4 * rows * outputs),
  };
  kernel.memory.floats(call.x, rows * inputs).set(x.data);
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
        await kernel.run(() => inside.linearJob(kernel, call));
        return kernel.memory.floats(call.o, rows * outputs);
      },
      dispose() {},
    },
    {
      name: 'flash',
      async run() {
        kernel.memory.floats(call.x, rows * inputs).set(x.data);
        await kernel.run(() => inside.linearJob(kernel, call));
        return kernel.memory.floats(call.o, rows * outputs).slice();
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
    if (!(error < AGREEMENT)) throw new Error(`${side.name} is off by ${error}`);
    errors.push(error);
  }
  const peak = await peakGflops();
  const timings = await measure(sides, 9);
  const result: Result = {
    shape: `${rows} × ${inputs} × ${outputs}`,
    peakGflops: Math.max(peak, await peakGflops()),
    sides: timings.map((timing, i) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      gflops: (2 * rows * inputs * outputs) / timing.median / 1e9,
      ratio: ratio(timings[1] as Timing, timing),
      maxError: errors[i] as number,
    })),
  };
  results.push(result);
  printResult(result);
  for (const side of sides) await side.dispose();
}
await writeReport('linear', 'Linear layers of Swin-T', machine(), results);
await attention.dispose();
