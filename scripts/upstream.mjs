// npm run upstream [-- NAME…]: real architectures with made-up weights against upstream (test/golden/upstreamReal.py),
// their errors, times and this process's peak memory. Swin-L at 1024² takes about a minute and 3 GB.
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { createWindowAttention } from 'flash-window-attention';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { SwinBackbone, SwinForImageClassification } from 'flash-window-attention/swin';
import { errorOfSample, madeUpPixels, madeUpWeight } from './madeUpWeights.mjs';

const GOLDEN = new URL('../test/golden/upstreamReal.safetensors.gz', import.meta.url);
const { tensors, metadata } = readSafetensors(gunzipSync(await readFile(GOLDEN)));
const wanted = process.argv.slice(2);

for (const { name, run, config, shapes } of JSON.parse(metadata.cases ?? '[]')) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  const attention = await createWindowAttention({ threads: 2 });
  const model = await load(shapes, config, attention);
  const pixels = madeUpPixels(run[0], run[1]);
  const start = performance.now();
  const maps = await model(pixels);
  const seconds = (performance.now() - start) / 1000;
  const errors = maps.map(({ data }, i) => {
    return errorOfSample(
      data,
      numbers(`${name}.sample${i}`),
      /** @type {number} */ (numbers(`${name}.largest${i}`)[0]),
    );
  });
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${name}: error ${Math.max(...errors).toExponential(1)}, ${seconds.toFixed(2)} s, peak ${peak.toFixed(0)} MiB`,
  );
  await attention.dispose();
}

/**
 * @param {string} name
 * @param {import('flash-window-attention/swin').SwinConfig} config
 * @param {import('flash-window-attention').WindowAttention} attention
 */
async function load(name, config, attention) {
  /** @type {Record<string, number[]>} */
  const shapes = JSON.parse(new TextDecoder().decode(/** @type {Uint8Array} */ (tensors[`${name}.shapes`]?.data)));
  const weights = Object.fromEntries(Object.entries(shapes).map(([key, dims]) => [key, madeUpWeight(key, dims)]));
  if (name === 'detection_large') {
    const backbone = await SwinBackbone.fromStateDict(weights, config, { attention });
    /** @param {import('./madeUpWeights.mjs').MadeUpTensor} pixels */
    return async (pixels) => (await backbone.forward(pixels)).featureMaps;
  }
  const classifier = await SwinForImageClassification.fromStateDict(weights, config, { attention });
  /** @param {import('./madeUpWeights.mjs').MadeUpTensor} pixels */
  return async (pixels) => [(await classifier.forward(pixels)).logits];
}

/** @param {string} name */
function numbers(name) {
  return /** @type {Float64Array} */ (tensors[name]?.data);
}
