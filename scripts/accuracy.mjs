// npm run accuracy -- IMAGES.safetensors: top-1 accuracy on images `[N, 3, H, W]`, uint8, and labels `[N]` of the float16
// classifier of the tests and of the embedded int8 one, and how far the second is from the first.
import { readFile } from 'node:fs/promises';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { SwinForImageClassification } from 'flash-window-attention/swin';

const BATCH = 50;
const MODELS = ['../test/models/swin-cifar10/', '../models/swin-cifar10/'];
const [path] = process.argv.slice(2);
if (!path) throw new Error('expected a safetensors file with images and labels');
const { images, labels } = readSafetensors(await readFile(path)).tensors;
if (!images || !labels) throw new Error(`${path} expected to hold images and labels`);
const bytes = /** @type {Uint8Array} */ (images.data);
const [count = 0, channels = 0, height = 0, width = 0] = images.dims;

/** @type {Float32Array[]} */
const results = [];
for (const directory of MODELS) {
  const model = await SwinForImageClassification.fromPretrained(new URL(directory, import.meta.url));
  const start = performance.now();
  const logits = await logitsOf(model);
  const speed = (1000 * count) / (performance.now() - start);
  results.push(logits);
  const right = sum(count, (i) => Number(likeliest(logits, i) === Number(labels.data[i])));
  console.log(
    `${directory.slice(3)}: ${((100 * right) / count).toFixed(1)}% of ${count} images, ${speed.toFixed(0)} images a second`,
  );
  await model.dispose();
}
const [float16 = new Float32Array(), int8 = new Float32Array()] = results;
const same = sum(count, (i) => Number(likeliest(float16, i) === likeliest(int8, i)));
const { length } = float16;
const mean = sum(length, (i) => float16[i] ?? 0) / length;
const spread = sum(length, (i) => ((float16[i] ?? 0) - mean) ** 2);
const error = Math.sqrt(sum(length, (i) => ((float16[i] ?? 0) - (int8[i] ?? 0)) ** 2) / spread);
console.log(
  `the same label for ${((100 * same) / count).toFixed(1)}%, rms error ${(100 * error).toFixed(2)}% of the logits' spread`,
);

/** @param {SwinForImageClassification} model */
async function logitsOf(model) {
  const all = new Float32Array(count * model.labels.length);
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first);
    const pixels = await Promise.all(Array.from({ length: size }, (_, i) => model.preprocess(imageAt(first + i))));
    const length = pixels[0]?.data.length ?? 0;
    const batch = new Float32Array(size * length);
    for (const [i, { data }] of pixels.entries()) batch.set(data, i * length);
    const dims = [size, ...(pixels[0]?.dims.slice(1) ?? [])];
    all.set((await model.forward({ data: batch, dims })).logits.data, first * model.labels.length);
  }
  return all;
}

/**
 * @param {Float32Array} logits
 * @param {number} image
 */
function likeliest(logits, image) {
  const classes = logits.length / count;
  const row = logits.subarray(image * classes, (image + 1) * classes);
  return row.indexOf(Math.max(...row));
}

/**
 * @param {number} length
 * @param {(i: number) => number} term
 */
function sum(length, term) {
  let total = 0;
  for (let i = 0; i < length; i++) total += term(i);
  return total;
}

/** @param {number} index */
function imageAt(index) {
  const size = channels * height * width;
  const planar = bytes.subarray(index * size, (index + 1) * size);
  const data = Uint8Array.from({ length: size }, (_, i) => {
    return /** @type {number} */ (planar[(i % channels) * height * width + Math.floor(i / channels)]);
  });
  return { data, width, height };
}
