// Video Swin's shifted 3D windows: partition, relative position bias and mask are made here, over the tokens of [T, h, w]
// windows; attention itself takes L = T·h·w as any other L. `node examples/windows3d/windows3d.mjs` after `npm ci`.
import { pathToFileURL } from 'node:url';
import { createWindowAttention } from 'flash-window-attention';
import { checkCase, makeVectors } from 'flash-window-attention/oracle';

/** @typedef {readonly [number, number, number]} Size3 */

/**
 * The tokens of every window, windows after windows: places `[nW · L]` in a video of `size` [T, H, W] that was rolled by
 * −`shift`. Window sizes divide the video's.
 * @param {Size3} size
 * @param {Size3} window
 * @param {Size3} shift
 */
export function windowTokens([T, H, W], [wt, wh, ww], [st, sh, sw]) {
  const places = [];
  for (let t0 = 0; t0 < T; t0 += wt)
    for (let y0 = 0; y0 < H; y0 += wh)
      for (let x0 = 0; x0 < W; x0 += ww)
        for (let t = t0; t < t0 + wt; t++)
          for (let y = y0; y < y0 + wh; y++)
            for (let x = x0; x < x0 + ww; x++) places.push((((t + st) % T) * H + ((y + sh) % H)) * W + ((x + sw) % W));
  return Int32Array.from(places);
}

/**
 * −100 between tokens of one window that the roll brought together from two ends of an axis: `[nW, L, L]`.
 * @param {Size3} size
 * @param {Size3} window
 * @param {Size3} shift
 */
export function shiftedWindowMask3d(size, window, shift) {
  const L = window[0] * window[1] * window[2];
  const places = windowTokens(size, window, shift);
  const [, H, W] = size;
  // What the roll moved from an axis's beginning to its end lies below the shift: a bit an axis.
  const wrapped = Array.from(places, (place) => {
    const isWrapped = [
      Math.floor(place / (H * W)) < shift[0],
      Math.floor(place / W) % H < shift[1],
      place % W < shift[2],
    ];
    return isWrapped.reduce((bits, is, axis) => bits | (Number(is) << axis), 0);
  });
  const data = new Float32Array(places.length * L);
  for (let row = 0; row < places.length; row++) {
    // Only the last window along an axis holds both ends of it.
    for (let j = 0; j < L; j++) data[row * L + j] = wrapped[row] === wrapped[row - (row % L) + j] ? 0 : -100;
  }
  return { data, dims: [places.length / L, L, L] };
}

/**
 * A table `[(2·wt−1)(2·wh−1)(2·ww−1), H]` as the bias of every pair of tokens, `[H, L, L]`. Source: Video Swin Transformer.
 * @param {Float32Array} table
 * @param {Size3} window
 * @param {number} numHeads
 */
export function relativePositionBias3d(table, [wt, wh, ww], numHeads) {
  const L = wt * wh * ww;
  const data = new Float32Array(numHeads * L * L);
  for (let i = 0; i < L; i++)
    for (let j = 0; j < L; j++) {
      const dt = Math.floor(i / (wh * ww)) - Math.floor(j / (wh * ww)) + wt - 1;
      const dy = (Math.floor(i / ww) % wh) - (Math.floor(j / ww) % wh) + wh - 1;
      const dx = (i % ww) - (j % ww) + ww - 1;
      const row = (dt * (2 * wh - 1) + dy) * (2 * ww - 1) + dx;
      for (let head = 0; head < numHeads; head++) data[(head * L + i) * L + j] = table[row * numHeads + head] ?? 0;
    }
  return { data, dims: [numHeads, L, L] };
}

/**
 * One of q, k and v of a video `[T, H, W, 3 · numHeads · D]` in windows: `[nW, numHeads, L, D]`.
 * @param {Float32Array} qkv
 * @param {Int32Array} places
 * @param {number} part 0 for q, 1 for k, 2 for v
 * @param {{ L: number, numHeads: number, D: number }} sizes
 */
export function windowsOf(qkv, places, part, { L, numHeads, D }) {
  const data = new Float32Array(places.length * numHeads * D);
  places.forEach((place, at) => {
    for (let head = 0; head < numHeads; head++) {
      const from = ((place * 3 + part) * numHeads + head) * D;
      const to = ((Math.floor(at / L) * numHeads + head) * L + (at % L)) * D;
      data.set(qkv.subarray(from, from + D), to);
    }
  });
  return { data, dims: [places.length / L, numHeads, L, D] };
}

async function main() {
  const size = /** @type {const} */ ([8, 14, 14]);
  const window = /** @type {const} */ ([4, 7, 7]);
  const shift = /** @type {const} */ ([2, 3, 3]);
  const sizes = { L: window[0] * window[1] * window[2], numHeads: 3, D: 32 };
  const random = (/** @type {number} */ length, /** @type {number} */ seed) =>
    /** @type {Float32Array} */ (makeVectors({ shape: [1, 1, 1, length], seed }).q?.data);

  const qkv = random(size[0] * size[1] * size[2] * 3 * sizes.numHeads * sizes.D, 1);
  const places = windowTokens(size, window, shift);
  const inputs = {
    q: windowsOf(qkv, places, 0, sizes),
    k: windowsOf(qkv, places, 1, sizes),
    v: windowsOf(qkv, places, 2, sizes),
    bias: relativePositionBias3d(random(7 * 13 * 13 * sizes.numHeads, 2), window, sizes.numHeads),
    mask: shiftedWindowMask3d(size, window, shift),
  };

  const attention = await createWindowAttention();
  const { o } = await attention.forward(inputs);
  const { pass, tensors } = checkCase(inputs, { o });
  console.log(`o [${o.dims.join(', ')}] ${pass ? 'passes' : 'fails'}, ratio ${tensors.o?.ratio.toFixed(2)}`);
  await attention.dispose();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
