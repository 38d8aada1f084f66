import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import { type Classification, SwinForImageClassification } from '../swin/index.js';
import { readImage } from './image.js';
import { UsageError } from './usageError.js';
import { verifiedAttention } from './verifiedAttention.js';

const EMBEDDED_MODEL = new URL('../../models/swin-cifar10/', import.meta.url);

export interface ClassifyOptions {
  readonly model?: string;
  readonly top: number;
  readonly backend?: 'auto' | 'wasm' | 'typescript';
  readonly threads?: number;
  /** Classify the centre square of each image, as models trained on square pictures expect. */
  readonly square?: boolean;
  readonly verify?: boolean;
}

/** What became of one image. */
export interface ClassifiedImage {
  readonly image: string;
  readonly classes: readonly Classification[];
  readonly milliseconds: number;
  /** With `verify`: the largest error of any attention output against the float64 reference. */
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
  const verifiedModel = verified && (await SwinForImageClassification.fromPretrained(source, verified));

  async function* images(): AsyncGenerator<ClassifiedImage | FailedImage> {
    for (const image of files) {
      try {
        const decoded = await readImage(image);
        const start = performance.now();
        const classes = await model.classify(decoded, { topK: options.top, square: options.square });
        const milliseconds = performance.now() - start;
        await verifiedModel?.classify(decoded, { square: options.square });
        yield { image, classes, milliseconds, ...(verified && { largestError: verified.takeLargestError() }) };
      } catch (error) {
        yield { image, error: (error as Error).message };
      }
    }
    await attention.dispose();
  }
  return {
    model: options.model ?? fileURLToPath(EMBEDDED_MODEL).replace(/^.*\/models\//, 'models/'),
    backend: attention.backend,
    threads: attention.threads,
    count: files.length,
    images: images(),
  };
}

/** The image itself, or the PNG, JPEG and WebP files of a directory in their order. */
async function imagesOf(path: string): Promise<string[]> {
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
