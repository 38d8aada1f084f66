// npm run accuracy -- IMAGES.safetensors: top-1 accuracy of the embedded model on images `[N, 3, H, W]`, uint8, and labels `[N]`.
import { readFile } from 'node:fs/promises';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { SwinForImageClassification } from 'flash-window-attention/swin';

const BATCH = 50;
const [path] = process.argv.slice(2);
if (!path) throw new Error('expected a safetensors file with images and labels');
const { images, labels } = readSafetensors(await readFile(path)).tensors;
if (!images || !labels) throw new Error(`${path} expected to hold images and labels`);
const bytes = /** @type {Uint8Array} */ (images.data);
const [count = 0, channels = 0, height = 0, width = 0] = images.dims;
const model = await SwinForImageClassification.fromPretrained(new URL('../models/swin-cifar10/', import.meta.url));

let right = 0;
const start = performance.now();
for (let first = 0; first < count; first += BATCH) {
  const size = Math.min(BATCH, count - first);
  const pixels = await Promise.all(Array.from({ length: size }, (_, i) => model.preprocess(imageAt(first + i))));
  const length = pixels[0]?.data.length ?? 0;
  const batch = new Float32Array(size * length);
  for (const [i, { data }] of pixels.entries()) batch.set(data, i * length);
  const dims = [size, ...(pixels[0]?.dims.slice(1) ?? [])];
  const { logits } = await model.forward({ data: batch, dims });
  const classes = model.labels.length;
  for (let i = 0; i < size; i++) {
    const row = logits.data.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(Math.max(...row)) === Number(labels.data[first + i])) right++;
  }
}
const seconds = (performance.now() - start) / 1000;
console.log(
  `${((100 * right) / count).toFixed(1)}% of ${count} images, ${(count / seconds).toFixed(0)} images a second`,
);
await model.dispose();

/** @param {number} index */
function imageAt(index) {
  const size = channels * height * width;
  const planar = bytes.subarray(index * size, (index + 1) * size);
  const data = Uint8Array.from({ length: size }, (_, i) => {
    return /** @type {number} */ (planar[(i % channels) * height * width + Math.floor(i / channels)]);
  });
  return { data, width, height };
}
