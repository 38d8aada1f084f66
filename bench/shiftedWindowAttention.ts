import { createWindowAttention } from 'flash-window-attention';
import { shiftedWindowMask } from 'flash-window-attention/reference';
import { machine } from './machine.js';
import { measure, ratio, type Timing } from './measure.js';
import { partition, permute, reverse, roll, unpermute } from './partition.js';
import { peakGflops } from './peak.js';
import { printResult, type Result, writeReport } from './report.js';
import type { Side } from './side.js';

// Part of npm run bench: the fused image kernel against separate copies around the same engine.

const attention = await createWindowAttention({ backend: 'wasm' });
const results: Result[] = [];
for (const [size, C, numHeads] of [
  [56, 96, 3],
  [28, 192, 6],
  [14, 384, 12],
] as const) {
  const [windowSize, shiftSize] = [7, 3];
  const qkv = {
    dims: [1, size, size, 3 * C],
    data: Float32Array.from({ length: size * size * 3 * C }, (_, i) => Math.sin(i)),
  };
  const L = windowSize ** 2;
  const relativePositionBias = {
    dims: [numHeads, L, L],
    data: Float32Array.from({ length: numHeads * L * L }, (_, i) => Math.cos(i)),
  };
  const args = { qkv, numHeads, windowSize, shiftSize, relativePositionBias };
  const mask = shiftedWindowMask(size, size, windowSize, shiftSize);
  const mask32 = { dims: mask.dims, data: Float32Array.from(mask.data) };
  const flash: Side = {
    name: 'flash',
    run: async () => (await attention.shiftedWindowAttention(args)).data as Float32Array,
    dispose() {},
  };
  const copies: Side = {
    name: 'roll, partition, permute, forward, permute, reverse, roll',
    async run() {
      const shifted = roll(qkv.data, size, 3 * C, -shiftSize);
      const windows = partition(shifted, size, 3 * C, windowSize);
      const [q, k, v] = [0, 1, 2].map((part) => permute(windows, L, numHeads, C / numHeads, part));
      const dims = [windows.length / (3 * C * L), numHeads, L, C / numHeads];
      const tensor = (data: Float32Array | undefined) => ({ data: data as Float32Array, dims });
      const { o } = await attention.forward({
        q: tensor(q),
        k: tensor(k),
        v: tensor(v),
        bias: relativePositionBias,
        mask: mask32,
      });
      const merged = unpermute(o.data as Float32Array, L, numHeads, C / numHeads);
      return roll(reverse(merged, size, C, windowSize), size, C, shiftSize);
    },
    dispose() {},
  };
  const [a, b] = [await flash.run(), await copies.run()];
  const worst = a.reduce((max, x, i) => Math.max(max, Math.abs(x - (b[i] as number))), 0);
  if (!(worst < 1e-5)) throw new Error(`the sides differ by ${worst}`);
  const timings = await measure([flash, copies], 9);
  const operations = 4 * size * size * L * C;
  const result: Result = {
    shape: `image ${size} × ${size}, C = ${C}, window 7, shift 3`,
    peakGflops: await peakGflops(),
    sides: timings.map((timing) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      gflops: operations / timing.median / 1e9,
      ratio: ratio(timings[0] as Timing, timing),
      maxError: worst,
    })),
  };
  results.push(result);
  printResult(result);
}
await writeReport('shiftedWindowAttention', 'Shifted-window attention over images', machine(), results);
