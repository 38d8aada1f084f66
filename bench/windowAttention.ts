import * as onnxruntimeNode from 'onnxruntime-node';
import * as onnxruntimeWeb from 'onnxruntime-web';
import { measure, ratio, type Timing } from './measure.js';
import { Peak } from './peak.js';
import { makeProblem, type Problem } from './problem.js';
import { printResult, type Result, writeResults } from './report.js';
import { flops, SHAPES, title } from './shapes.js';
import type { Side } from './side.js';
import { flashSide } from './sides/flash.js';
import { onnxruntimeSides, type Runtime } from './sides/onnxruntime.js';
import { standardSide } from './sides/standard.js';
import { tfjsSide } from './sides/tfjs.js';

// npm run bench [-- --only TEXT]
const option = (name: string) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : (process.argv[at + 1] ?? '');
};
const shapes = SHAPES.filter(({ name }) => name.includes(option('only') ?? ''));

/** Largest error that a side may have, relative to the largest |v|, which is 1. */
const AGREEMENT = 1e-4;
/** Of Q Kᵀ and P V: above it, the reference and tfjs take seconds. */
const MAX_SLOW_FLOPS = 150e6;

onnxruntimeWeb.env.wasm.numThreads = 1;

const peak = await Peak.create();
const results: Result[] = [];
for (const shape of shapes) {
  const problem = makeProblem(shape);
  const sides = [
    await flashSide('flash, kernel memory', problem, { backend: 'wasm' }, true),
    await flashSide('flash', problem, { backend: 'wasm' }),
    await standardSide(problem, false),
    await standardSide(problem, true),
    ...(await onnxruntimeSides('onnxruntime-web', onnxruntimeWeb as unknown as Runtime, problem)),
    ...(await onnxruntimeSides('onnxruntime-node', onnxruntimeNode as unknown as Runtime, problem)),
    ...(flops(shape) > MAX_SLOW_FLOPS
      ? []
      : [await tfjsSide(problem), await flashSide('reference, float64', problem, { backend: 'typescript' })]),
  ];
  const errors: number[] = [];
  for (const side of sides) errors.push(await checkedError(side, problem));
  peak.sample();
  const timings = await measure(sides);
  const result = {
    shape: title(shape),
    sides: timings.map((timing, i) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      gflops: flops(shape) / timing.median / 1e9,
      ratio: ratio(timings[1] as Timing, timing),
      maxError: errors[i] as number,
    })),
  };
  results.push(result);
  printResult(result, peak.sample());
  for (const side of sides) await side.dispose();
}
await writeResults('windowAttention', 'Window attention, forward', 'npm run bench', peak.sample(), results);

/** Refuses a side whose output is wrong: it is not timed. */
async function checkedError(side: Side, { truth, shape }: Problem): Promise<number> {
  const { H, L, D } = shape;
  const output = await side.run();
  let worst = 0;
  for (let i = 0; i < truth.length; i++) {
    const d = i % D;
    const l = Math.floor(i / D) % L;
    const h = Math.floor(i / (D * L)) % H;
    const b = Math.floor(i / (D * L * H));
    const at = side.isHeadsLast ? ((b * L + l) * H + h) * D + d : i;
    const error = Math.abs((output[at] as number) - (truth[i] as number));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  if (!(worst < AGREEMENT)) throw new Error(`${side.name} is off by ${worst} at ${title(shape)}`);
  return worst;
}
