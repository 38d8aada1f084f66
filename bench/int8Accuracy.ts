import { readFile } from 'node:fs/promises';
import { decodeImage } from 'flash-window-attention/image';
import { layerInputs, quantizeStateDict } from 'flash-window-attention/internals';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { SwinForImageClassification } from 'flash-window-attention/swin';
import { type BenchConfig, normalNumbers, randomSwin, type Weight } from './randomSwin.js';
import { MODELS } from './swinModel.js';
import { forwardThrough, stretchOf, trainedLike } from './trainedLikeSwin.js';

// npm run accuracy:int8: what int8 costs a Swin-T of random weights whose matrices stretch their inputs as those of the
// trained classifier of the tests do, rounded to nearest, and by what layers meet in other images.

const IMAGES = 8;
/** Images of the calibration. */
const CALIBRATION = 4;
const TRAINED = new URL('../../test/models/swin-cifar10/', import.meta.url);

const trained = await loadTrained();
const measured = stretches(trained.config, trained.tensors, trained.photograph);
const stretch = geometricMean(measured);
console.log(`swin-cifar10 stretches its inputs ${describe(measured)}`);

const { config } = MODELS['swin-t'];
const random = randomSwin(config);
await report('normally distributed', random);
const tensors = trainedLike(config, random, waves(config.image_size, 1), stretch);
await report('trained-like', tensors);

async function report(name: string, weights: Record<string, Weight>): Promise<void> {
  const images = Array.from({ length: IMAGES }, (_, i) => waves(config.image_size, 100 + i));
  const others = Array.from({ length: CALIBRATION }, (_, i) => waves(config.image_size, 500 + i));
  console.log(`Swin-T, ${name}, stretches ${describe(stretches(config, weights, images[0] as Weight))}`);
  const float = await logitsOf(weights, config, images);
  const nearest = quantizeStateDict(weights, config);
  const calibrated = quantizeStateDict(weights, config, await layerInputs(weights, config, others));
  for (const [how, own] of Object.entries({ nearest, calibrated })) {
    const errors = errorsOf(float, await logitsOf(own.tensors, own.config, images));
    console.log(`${how}: rms error of the logits: ${errors}`);
  }
}

/** Relative to the logits' spread over labels and over images. */
function errorsOf(float: readonly Float32Array[], int8: readonly Float32Array[]): string {
  const labels = config.num_labels;
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const perImage = float.map((own) => mean(own));
  const perLabel = Array.from({ length: labels }, (_, k) => mean(Float32Array.from(float, (own) => own[k] as number)));
  let [errors, overLabels, overImages] = [0, 0, 0];
  float.forEach((own, image) => {
    own.forEach((value, k) => {
      errors += ((int8[image]?.[k] as number) - value) ** 2;
      overLabels += (value - (perImage[image] as number)) ** 2;
      overImages += (value - (perLabel[k] as number)) ** 2;
    });
  });
  const percent = (spread: number) => `${(100 * Math.sqrt(errors / spread)).toFixed(2)}%`;
  return `${percent(overLabels)} of their spread over labels, ${percent(overImages)} over images`;
}

async function logitsOf(
  weights: Parameters<typeof quantizeStateDict>[0],
  own: BenchConfig,
  images: readonly Weight[],
): Promise<Float32Array[]> {
  const model = await SwinForImageClassification.fromStateDict(weights, own);
  const logits: Float32Array[] = [];
  for (const image of images) logits.push((await model.forward(image)).logits.data);
  await model.dispose();
  return logits;
}

function stretches(own: BenchConfig, weights: Record<string, Weight>, image: Weight): number[] {
  const all: number[] = [];
  forwardThrough(own, weights, image, (layer, x) => all.push(stretchOf(weights[`${layer}.weight`] as Weight, x)));
  return all;
}

async function loadTrained(): Promise<{ config: BenchConfig; tensors: Record<string, Weight>; photograph: Weight }> {
  const own = JSON.parse(await readFile(new URL('config.json', TRAINED), 'utf8')) as BenchConfig;
  const file = readSafetensors(await readFile(new URL('model.safetensors', TRAINED)));
  const floats = Object.entries(file.tensors).map(([name, { data, dims }]) => {
    return [name, { data: Float32Array.from(data as Uint16Array, float16), dims, type: 'float32' }] as const;
  });
  const model = await SwinForImageClassification.fromPretrained(TRAINED);
  const image = await decodeImage(await readFile(new URL('../../examples/images/chelsea.png', import.meta.url)));
  const { data, dims } = model.preprocess(image, { square: true });
  await model.dispose();
  return { config: own, tensors: Object.fromEntries(floats), photograph: { data, dims, type: 'float32' } };
}

function float16(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** An image of a dozen waves of falling height, `[1, 3, size, size]`. */
function waves(size: number, seed: number): Weight {
  const next = normalNumbers(seed);
  const data = new Float32Array(3 * size * size);
  for (let wave = 0; wave < 36; wave++) {
    const rank = Math.floor(wave / 3);
    const [height, fx, fy, phase] = [next() / (1 + rank / 3), next() * (1 + rank), next() * (1 + rank), 3 * next()];
    const first = (wave % 3) * size * size;
    for (let i = 0; i < size * size; i++) {
      const angle = (2 * Math.PI * (fx * (i % size) + fy * Math.floor(i / size))) / size + phase;
      data[first + i] = (data[first + i] as number) + height * Math.cos(angle);
    }
  }
  return { data, dims: [1, 3, size, size], type: 'float32' };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function describe(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${geometricMean(values).toFixed(2)} times by geometric mean (${least.toFixed(2)} to ${most.toFixed(2)})`;
}
