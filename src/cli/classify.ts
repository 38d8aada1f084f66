import { fileURLToPath } from 'node:url';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import { type Classification, SwinForImageClassification } from '../swin/index.js';
import { centerSquare, readImage } from './image.js';
import { verifiedAttention } from './verifiedAttention.js';

const EMBEDDED_MODEL = new URL('../../models/swin-cifar10/', import.meta.url);

export interface ClassifyOptions {
  readonly model?: string;
  readonly top: number;
  readonly backend?: 'auto' | 'wasm' | 'typescript';
  /** Classify the centre square of each image, as models trained on square pictures expect. */
  readonly square?: boolean;
  readonly verify?: boolean;
}

export interface ClassifyResult {
  readonly model: string;
  readonly backend: string;
  readonly images: readonly {
    readonly image: string;
    readonly classes: readonly Classification[];
    readonly milliseconds: number;
    /** With `verify`: the largest error of any attention output against the float64 reference. */
    readonly largestError?: number;
  }[];
}

/** Classifies images with a model directory, or the embedded one. */
export async function classify(paths: readonly string[], options: ClassifyOptions): Promise<ClassifyResult> {
  const attention = await createWindowAttention({ backend: options.backend });
  const source = options.model ?? EMBEDDED_MODEL;
  const model = await SwinForImageClassification.fromPretrained(source, { attention });
  const verified = options.verify ? verifiedAttention(attention) : undefined;
  const verifiedModel = verified && (await SwinForImageClassification.fromPretrained(source, verified));
  const images: ClassifyResult['images'][number][] = [];
  for (const path of paths) {
    const decoded = await readImage(path);
    const image = options.square ? centerSquare(decoded) : decoded;
    const start = performance.now();
    const classes = await model.classify(image, { topK: options.top });
    const milliseconds = performance.now() - start;
    await verifiedModel?.classify(image);
    images.push({ image: path, classes, milliseconds, ...(verified && { largestError: verified.takeLargestError() }) });
  }
  await attention.dispose();
  const shown = options.model ?? fileURLToPath(EMBEDDED_MODEL).replace(/^.*\/models\//, 'models/');
  return { model: shown, backend: attention.backend, images };
}

export function formatClassification({ model, backend, images }: ClassifyResult): string {
  return images
    .flatMap(({ image, classes, milliseconds, largestError }) => [
      `${image}: ${classes[0]?.label}`,
      ...classes.map(({ label, score }) => `  ${(100 * score).toFixed(1).padStart(5)}%  ${label}`),
      `  ${model} on ${backend}, ${milliseconds.toFixed(0)} ms`,
      ...(largestError === undefined
        ? []
        : [`  largest error of the attention kernel against the float64 reference: ${largestError.toExponential(2)}`]),
    ])
    .join('\n');
}
