import { createWindowAttention } from 'flash-window-attention';
import { coreOf } from 'flash-window-attention/internals';
import { shiftedWindowMask } from 'flash-window-attention/reference';
import { measure, ratio, type Timing } from './measure.js';
import { Peak } from './peak.js';
import { printResult, type Result, writeResults } from './report.js';
import type { Side } from './side.js';
import { ImageCopies } from './sides/imageCopies.js';
import { benchExports } from './sides/standard.js';

// Part of npm run bench: the fused image kernel against separate copies, by vectors in the kernel's memory, around the
// same engine.

const attention = await createWindowAttention({ backend: 'wasm' });
const core = coreOf(attention);
if (!core) throw new Error('this host has no WebAssembly SIMD');
const { memory } = core;
const kernel = await benchExports(memory.wasm);
const peak = await Peak.create();
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
    run: async () => (await attention.shiftedWindowAttention(args)).data,
    dispose() {},
  };
  const copies = new ImageCopies(core, kernel, { size, C, numHeads, window: windowSize, shift: shiftSize });
  const length = size * size * C;
  const [from, to] = [memory.allocate(4 * 3 * length), memory.allocate(4 * length)];
  const dims = [copies.windows, numHeads, L, copies.D];
  const tensor = (pointer: number) => ({ data: memory.floats(pointer, length), dims });
  const unfused: Side = {
    name: 'roll, partition, permute, forward, permute, reverse, roll',
    async run() {
      memory.floats(from, 3 * length).set(qkv.data);
      copies.split(from);
      await attention.forward({
        q: tensor(copies.q),
        k: tensor(copies.k),
        v: tensor(copies.v),
        bias: relativePositionBias,
        mask: mask32,
        out: tensor(copies.o),
      });
      copies.merge(to);
      return memory.floats(to, length).slice();
    },
    dispose() {},
  };
  const [a, b] = [await flash.run(), await unfused.run()];
  const worst = a.reduce((max, x, i) => Math.max(max, Math.abs(x - (b[i] as number))), 0);
  if (!(worst < 1e-5)) throw new Error(`the sides differ by ${worst}`);
  peak.sample();
  const timings = await measure([flash, unfused]);
  const operations = 4 * size * size * L * C;
  const result: Result = {
    shape: `image ${size} × ${size}, C = ${C}, window 7, shift 3`,
    sides: timings.map((timing) => ({
      name: timing.name,
      milliseconds: 1e3 * timing.median,
      gflops: operations / timing.median / 1e9,
      ratio: ratio(timings[0] as Timing, timing),
      maxError: worst,
    })),
  };
  results.push(result);
  printResult(result, peak.sample());
}
const title = 'Shifted-window attention over images';
await writeResults('shiftedWindowAttention', title, 'npm run bench', peak.sample(), results);
