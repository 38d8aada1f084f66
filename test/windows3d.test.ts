import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  relativePositionBias3d,
  shiftedWindowMask3d,
  windowsOf,
  windowTokens,
} from '../examples/windows3d/windows3d.mjs';
import { cyclicShift, relativePositionBias, shiftedWindowMask, windowPartition } from '../src/reference/index.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

describe('the example of 3D windows', () => {
  const next = randomNumbers(3);

  it('makes of one frame what the reference makes of an image', () => {
    const [H, W] = [6, 8];
    const window = [3, 4] as const;
    const shift = [1, 2] as const;
    const places = windowTokens([1, H, W], [1, ...window], [0, ...shift]);
    const numbered = { data: Float32Array.from({ length: H * W }, (_, i) => i), dims: [1, H, W, 1] };
    expect([...places]).toEqual([...windowPartition(cyclicShift(numbered, [-1, -2]), window).data]);
    expect([...shiftedWindowMask3d([1, H, W], [1, ...window], [0, ...shift]).data]).toEqual([
      ...shiftedWindowMask(H, W, window, shift).data,
    ]);
    const table = randomTensor([5 * 7, 2], next);
    expect([...relativePositionBias3d(table.data, [1, ...window], 2).data]).toEqual([
      ...relativePositionBias(table, window).data,
    ]);
  });

  it('takes frames as it takes lines', () => {
    // Along each pair of axes, a video of size 1 along the third is an image.
    const window = [2, 1, 3] as const;
    const table = randomTensor([3 * 1 * 5, 2], next);
    expect([...relativePositionBias3d(table.data, window, 2).data]).toEqual([
      ...relativePositionBias(table, [2, 3]).data,
    ]);
    expect([...shiftedWindowMask3d([4, 1, 6], window, [1, 0, 2]).data]).toEqual([
      ...shiftedWindowMask(4, 6, [2, 3], [1, 2]).data,
    ]);
  });

  it('separates q, k and v by head', () => {
    const places = windowTokens([2, 2, 2], [2, 1, 2], [1, 0, 1]);
    const sizes = { L: 4, numHeads: 2, D: 3 };
    const qkv = Float32Array.from({ length: 8 * 18 }, (_, i) => i);
    for (const part of [0, 1, 2]) {
      const { data, dims } = windowsOf(qkv, places, part, sizes);
      expect(dims).toEqual([2, 2, 4, 3]);
      // Window 1, head 1, token 2, feature 0.
      expect(data[((1 * 2 + 1) * 4 + 2) * 3]).toBe((places[1 * 4 + 2] as number) * 18 + part * 6 + 3);
    }
  });

  it('runs, and the oracle passes it', async () => {
    const example = fileURLToPath(new URL('../examples/windows3d/windows3d.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [example]);
    expect(stdout).toMatch(/^o \[8, 3, 196, 32\] passes, ratio \d\.\d+\n$/);
  });
});
