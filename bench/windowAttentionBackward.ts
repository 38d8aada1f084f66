import { createWindowAttention } from 'flash-window-attention';
import { measure, ratio, type Timing } from './measure.js';
import { Peak } from './peak.js';
import { makeProblem } from './problem.js';
import { printResult, type Result, writeResults } from './report.js';
import { flops, SHAPES, title } from './shapes.js';
import type { Side } from './side.js';
import { standardBackwardSide } from './sides/standardBackward.js';

// Part of npm run bench: forward and backward, fused against unfused.

const NAMES = ['Swin-T stage 1', 'Swin-T stage 3', 'SwinV2-T window 8', 'report, L = 64', 'report, D = 256'];
const attention = await createWindowAttention({ backend: 'wasm' });
const peak = await Peak.create();
const results: Result[] = [];
for (const shape of SHAPES.filter(({ name }) => NAMES.includes(name))) {
  const problem = makeProblem(shape);
  const { q, k, v, bias } = problem;
  const dO = { dims: q.dims, data: q.data.map((x, i) => Math.sin(x + i)) };
  const flash: Side = {
    name: 'flash',
    async run() {
      await attention.forward({ q, k, v, bias });
      return (await attention.backward({ q, k, v, bias, dO })).dQ.data;
    },
    dispose() {},
  };
  const sides = [flash, await standardBackwardSide(problem, dO, false), await standardBackwardSide(problem, dO, true)];
  const [a, ...others] = [await sides[0]?.run(), await sides[1]?.run(), await sides[2]?.run()] as [
    Float32Array,
    ...Float32Array[],
  ];
  const worst = Math.max(
    ...others.map((b) => a.reduce((max, x, i) => Math.max(max, Math.abs(x - (b[i] as number))), 0)),
  );
  if (!(worst < 1e-4)) throw new Error(`the sides' dQ differ by ${worst} at ${title(shape)}`);
  peak.sample();
  const timings = await measure(sides);
  const result: Result = {
    shape: title(shape),
    sides: timings.map((timing) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      // Two products forward, five backward; that the fused kernel computes one of them twice is not counted.
      gflops: (3 * flops(shape)) / timing.median / 1e9,
      ratio: ratio(timings[0] as Timing, timing),
      maxError: worst,
    })),
  };
  results.push(result);
  printResult(result, peak.sample());
}
const [name, heading] = ['windowAttentionBackward', 'Window attention, forward and backward'];
await writeResults(name, heading, 'npm run bench', peak.sample(), results);
