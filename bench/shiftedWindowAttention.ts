import { createWindowAttention } from 'flash-window-attention';
import { shiftedWindowMask } from 'flash-window-attention/reference';
import { machine } from './machine.js';
import { measure, ratio, type Timing } from './measure.js';
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
    run: async () => (await attention.shiftedWindowAttention(args)).data,
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

/** torch.roll by `shift` along both axes, a line at a time where it does not wrap. */
function roll(image: Float32Array, size: number, C: number, shift: number): Float32Array {
  const rolled = new Float32Array(image.length);
  const s = ((shift % size) + size) % size;
  for (let y = 0; y < size; y++) {
    const from = y * size * C;
    const to = ((y + s) % size) * size * C;
    rolled.set(image.subarray(from, from + (size - s) * C), to + s * C);
    rolled.set(image.subarray(from + (size - s) * C, from + size * C), to);
  }
  return rolled;
}

function partition(image: Float32Array, size: number, C: number, window: number): Float32Array {
  const windows = new Float32Array(image.length);
  forEachSegment(size, window, (from, to) => {
    windows.set(image.subarray(from * C, (from + window) * C), to * C);
  });
  return windows;
}

function reverse(windows: Float32Array, size: number, C: number, window: number): Float32Array {
  const image = new Float32Array(windows.length);
  forEachSegment(size, window, (to, from) => {
    image.set(windows.subarray(from * C, (from + window) * C), to * C);
  });
  return image;
}

/** Visits each line of each window: its first token in the image and among the windows. */
function forEachSegment(size: number, window: number, visit: (image: number, windows: number) => void): void {
  const columns = size / window;
  for (let y = 0; y < size; y++) {
    for (let column = 0; column < columns; column++) {
      const index = Math.floor(y / window) * columns + column;
      visit(y * size + column * window, (index * window + (y % window)) * window);
    }
  }
}

/** Part q, k or v of (windows, L, 3, H, D) → (windows, H, L, D). */
function permute(windows: Float32Array, L: number, H: number, D: number, part: number): Float32Array {
  const out = new Float32Array(windows.length / 3);
  const count = out.length / (H * L * D);
  for (let w = 0; w < count; w++) {
    for (let h = 0; h < H; h++) {
      for (let l = 0; l < L; l++) {
        const from = (((w * L + l) * 3 + part) * H + h) * D;
        const to = ((w * H + h) * L + l) * D;
        for (let d = 0; d < D; d++) out[to + d] = windows[from + d] as number;
      }
    }
  }
  return out;
}

/** (windows, H, L, D) → (windows, L, H, D). */
function unpermute(windows: Float32Array, L: number, H: number, D: number): Float32Array {
  const out = new Float32Array(windows.length);
  const count = out.length / (H * L * D);
  for (let w = 0; w < count; w++) {
    for (let h = 0; h < H; h++) {
      for (let l = 0; l < L; l++) {
        const to = ((w * L + l) * H + h) * D;
        const from = ((w * H + h) * L + l) * D;
        for (let d = 0; d < D; d++) out[to + d] = windows[from + d] as number;
      }
    }
  }
  return out;
}
