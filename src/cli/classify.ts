import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import { checkConfig } from '../swin/config.js';
import { SwinForImageClassification } from '../swin/index.js';
import { assumedPreprocessing } from '../swin/preprocessor.js';
import { type Classification, likeliest } from '../swin/scores.js';
import { MAX_BATCH, stackedImages } from '../swin/stackedImages.js';
import type { Tensor } from '../tensor/tensor.js';
import { PixelPool } from './pixelPool.js';
import { pixelReader } from './pixelReader.js';
import { readAhead } from './readAhead.js';
import { UsageError } from './usageError.js';
import { verifiedAttention } from './verifiedAttention.js';

const EMBEDDED_MODEL = new URL('../../models/swin-cifar10/', import.meta.url);

/** Images computed at once: one alone gives two threads too few parts, and costs one thread more than its share. */
const BATCH = 8;

export interface ClassifyOptions {
  readonly model?: string;
  readonly top: number;
  readonly backend?: 'auto' | 'wasm' | 'typescript';
  readonly threads?: number;
  /** Classify the centre square of each image, as models trained on square pictures expect. */
  readonly square?: boolean;
  /** Refuse images of more pixels. */
  readonly maxPixels?: number;
  readonly verify?: boolean;
}

/** What became of one image. */
export interface ClassifiedImage {
  readonly image: string;
  readonly classes: readonly Classification[];
  readonly milliseconds: number;
  /** With `verify`: the largest error of its batch's attention outputs against the float64 reference. */
  readonly largestError?: number;
}

/** An image that cannot be read. */
export interface FailedImage {
  readonly image: string;
  readonly error: string;
}

export interface ClassifyRun {
  readonly model: string;
  readonly backend: string;
  readonly threads: number;
  /** How images are preprocessed where the model does not say. */
  readonly assumed: string | undefined;
  /** Images to come. */
  readonly count: number;
  /** Results one by one, as they are there. */
  readonly images: AsyncIterable<ClassifiedImage | FailedImage>;
}

/** Classifies images, and those of directories, with a model directory or the embedded one. */
export async function classify(paths: readonly string[], options: ClassifyOptions): Promise<ClassifyRun> {
  const files = (await Promise.all(paths.map(imagesOf))).flat();
  const attention = await createWindowAttention({ backend: options.backend, threads: options.threads });
  const source = options.model ?? EMBEDDED_MODEL;
  const model = await SwinForImageClassification.fromPretrained(source, { attention });
  const verified = options.verify ? verifiedAttention(attention) : undefined;
  const verifiedModel =
    verified && (await SwinForImageClassification.fromPretrained(source, { attention: verified.attention }));

  const { config, preprocessorConfig } = model;
  const architecture = checkConfig(config);
  const { isSingleLabel, labels } = architecture;
  const { threads } = attention;
  const { square, maxPixels } = options;
  const pixelOptions = { config, preprocessorConfig, square, maxPixels };
  const pool = threads > 1 && files.length > 1 ? new PixelPool(threads, pixelOptions) : undefined;
  const read = pool ? pool.read : pixelReader(pixelOptions);
  const batchSize = files.length > 1 ? BATCH : 1;
  const readOne = async (image: string): Promise<ReadImage | FailedImage> => {
    try {
      return { image, pixels: await read(image) };
    } catch (error) {
      return { image, error: (error as Error).message };
    }
  };

  async function* classified(batch: readonly ReadImage[]): AsyncGenerator<ClassifiedImage> {
    const start = performance.now();
    const pixels = stackedImages(batch.map((image) => image.pixels));
    const { logits } = await model.forward(pixels);
    const milliseconds = (performance.now() - start) / batch.length;
    await verifiedModel?.forward(pixels);
    const largestError = verified && { largestError: verified.takeLargestError() };
    for (const [i, { image }] of batch.entries()) {
      const own = logits.data.subarray(i * labels.length, (i + 1) * labels.length);
      const classes = likeliest(own, labels, isSingleLabel, options.top);
      yield { image, classes, milliseconds, ...largestError };
    }
  }

  async function* images(): AsyncGenerator<ClassifiedImage | FailedImage> {
    try {
      for await (const batch of batches(readAhead(files, readOne, pool ? 2 * threads + batchSize : 1), batchSize)) {
        if ('error' in batch) yield batch;
        else yield* classified(batch);
      }
    } finally {
      await pool?.dispose();
      await attention.dispose();
    }
  }
  return {
    model: options.model ?? fileURLToPath(EMBEDDED_MODEL).replace(/^.*\/models\//, 'models/'),
    backend: attention.backend,
    threads: attention.threads,
    assumed: preprocessorConfig ? undefined : assumedPreprocessing(architecture),
    count: files.length,
    images: images(),
  };
}

/** An image that has been read. */
interface ReadImage {
  readonly image: string;
  readonly pixels: Tensor<Float32Array>;
}

/** Images of one size together, at most `size` of them. */
async function* batches(
  images: AsyncIterable<ReadImage | FailedImage>,
  size: number,
): AsyncGenerator<ReadImage[] | FailedImage> {
  let batch: ReadImage[] = [];
  for await (const image of images) {
    const [first] = batch;
    const fits =
      'pixels' in image &&
      (!first || first.pixels.dims.every((length, axis) => length === image.pixels.dims[axis])) &&
      (batch.length + 1) * image.pixels.data.length <= MAX_BATCH;
    if (first && !fits) {
      yield batch;
      batch = [];
    }
    if (!('pixels' in image)) yield image;
    else if (batch.push(image) === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** The image itself, or the PNG, JPEG and WebP files of a directory in their order. */
export async function imagesOf(path: string): Promise<string[]> {
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isDirectory) return [path];
  const names = (await readdir(path)).filter((name) => /\.(png|jpe?g|webp)$/i.test(name)).sort();
  if (names.length === 0)
    throw new UsageError(`${path}: expected PNG, JPEG or WebP files, got a directory without any`);
  return names.map((name) => join(path, name));
}

export function formatImage(result: ClassifiedImage, { model, backend }: ClassifyRun): string {
  const { image, classes, milliseconds, largestError } = result;
  return [
    `${image}: ${classes[0]?.label}`,
    ...classes.map(({ label, score }) => `  ${(100 * score).toFixed(1).padStart(5)}%  ${label}`),
    `  ${model} on ${backend}, ${milliseconds.toFixed(0)} ms`,
    ...(largestError === undefined
      ? []
      : [`  largest error of the attention kernel against the float64 reference: ${largestError.toExponential(2)}`]),
  ].join('\n');
}
