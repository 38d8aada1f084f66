import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import { writeSafetensors } from '../safetensors/index.js';
import { SwinForImageClassification } from '../swin/index.js';
import { layerInputs } from '../swin/layerInputs.js';
import { makeDirectory } from '../swin/makeDirectory.js';
import { loadPretrained } from '../swin/pretrained.js';
import { type QuantizedLayer, quantizeStateDict } from '../swin/quantizeStateDict.js';
import { collected } from '../swin/tensorSource.js';
import type { TensorLike } from '../tensor/tensor.js';
import { imagesOf } from './classify.js';
import { isSame } from './outputFile.js';
import { pixelReader } from './pixelReader.js';
import { counted } from './text.js';
import { UsageError } from './usageError.js';
import { writeAll } from './writeFile.js';

export interface QuantizeOptions {
  readonly output: string;
  readonly square?: boolean;
  /** Images, and directories of them, whose activations the rounding follows. */
  readonly calibrate?: readonly string[];
}

/** How the int8 model's logits differ from the given model's. */
export interface LogitComparison {
  readonly images: number;
  readonly maxError: number;
  readonly rmsError: number;
  /** `rmsError` relative to the standard deviation of the given model's logits. */
  readonly relativeError: number;
  /** Share of the images whose likeliest label is the same. */
  readonly agreement: number;
}

export interface QuantizeResult {
  readonly output: string;
  /** Of the tensors before and after. */
  readonly bytes: readonly [number, number];
  readonly layers: readonly QuantizedLayer[];
  readonly logits?: LogitComparison;
}

type Files = Parameters<typeof SwinForImageClassification.fromStateDict>;

/** Compares an int8 model with the given one on images, if there are any, and then writes it to a directory. */
export async function quantize(
  source: string,
  paths: readonly string[],
  { output, square, calibrate = [] }: QuantizeOptions,
): Promise<QuantizeResult> {
  if (resolve(source) === resolve(output) || isSame(source, output))
    throw new UsageError(`${output}: expected another directory than the model's`);
  const images = (await Promise.all(paths.map(imagesOf))).flat();
  const { config, preprocessor, weights } = await loadPretrained(source);
  // Loading gives the memory of a file's tensors back; here both models need them.
  const tensors = Object.fromEntries(
    Object.entries(await collected(weights)).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
  );
  const read = pixelReader({ config, preprocessorConfig: preprocessor, square, maxPixels: undefined });
  const seen = await Promise.all((await Promise.all(calibrate.map(imagesOf))).flat().map(read));
  const inputs = seen.length > 0 ? await layerInputs(tensors, config, seen) : undefined;
  const result = quantizeStateDict(tensors, config, inputs);
  if (result.layers.length === 0) throw new UsageError(`${source}: expected weights of floats, got a model of int8`);
  const pixels = await Promise.all(images.map(read));
  const logits =
    pixels.length > 0 && compared(...(await logitsOfBoth([tensors, config], [result.tensors, config], pixels)));
  const stale = join(output, 'preprocessor_config.json');
  if (!preprocessor && existsSync(stale))
    throw new UsageError(`${stale} expected not to be there: ${source} has none that could take its place`);
  const jsonFile = (name: string, value: object) =>
    [join(output, name), `${JSON.stringify(value, undefined, 2)}\n`] as const;
  await writeDirectory(output, [
    jsonFile('config.json', result.config),
    ...(preprocessor ? [jsonFile('preprocessor_config.json', preprocessor)] : []),
    [join(output, 'model.safetensors'), writeSafetensors(result.tensors, { format: 'pt' })],
  ]);
  return {
    output,
    bytes: [bytesOf(tensors), bytesOf(result.tensors)],
    layers: result.layers,
    ...(logits && { logits }),
  };
}

/** Writes all files or none; a directory that was made for them goes with them. */
async function writeDirectory(output: string, files: Parameters<typeof writeAll>[0]): Promise<void> {
  const made = await makeDirectory(output).catch((cause) => {
    throw new UsageError(`${output} cannot be made: ${(cause as Error).message.split(', ')[0]}`, { cause });
  });
  try {
    await writeAll(files);
  } catch (error) {
    if (made !== undefined) await rm(made, { recursive: true });
    throw error;
  }
}

/** Each model's logits of each image, one model after the other. */
async function logitsOfBoth(
  given: [Files[0], Files[1]],
  rounded: [Files[0], Files[1]],
  pixels: readonly TensorLike[],
): Promise<[Float32Array[], Float32Array[]]> {
  const attention = await createWindowAttention();
  const logitsOf = async ([tensors, config]: [Files[0], Files[1]]) => {
    const model = await SwinForImageClassification.fromStateDict(tensors, config, { attention });
    const logits: Float32Array[] = [];
    for (const image of pixels) logits.push((await model.forward(image)).logits.data);
    await model.dispose();
    return logits;
  };
  try {
    return [await logitsOf(given), await logitsOf(rounded)];
  } finally {
    await attention.dispose();
  }
}

function compared(truth: readonly Float32Array[], rounded: readonly Float32Array[]): LogitComparison {
  const [all, others] = [truth, rounded].map((logits) => logits.flatMap((own) => [...own])) as [number[], number[]];
  const errors = all.map((value, i) => Math.abs((others[i] as number) - value));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(all);
  const rmsError = Math.sqrt(mean(errors.map((error) => error ** 2)));
  const same = truth.filter((own, i) => likeliest(own) === likeliest(rounded[i] as Float32Array));
  return {
    images: truth.length,
    maxError: errors.reduce((max, error) => Math.max(max, error), 0),
    rmsError,
    relativeError: rmsError / Math.sqrt(mean(all.map((value) => (value - middle) ** 2))),
    agreement: same.length / truth.length,
  };
}

function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, i) => (value > (logits[best] as number) ? i : best), 0);
}

function bytesOf(tensors: Readonly<Record<string, TensorLike>>): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + (data as Int8Array).byteLength, 0);
}

export function formatQuantized({ output, bytes, layers, logits }: QuantizeResult): string {
  const megabytes = bytes.map((size) => `${(size / 1e6).toFixed(1)} MB`);
  const percent = (part: number) => `${(100 * part).toFixed(2)}%`;
  return [
    ...layers.map(({ name, dims, error }) => `${percent(error).padStart(7)}  ${name} [${dims.join(', ')}]`),
    `${output}: ${counted(layers.length, 'layer')} in int8, ${megabytes.join(' → ')}`,
    ...(logits
      ? [
          `logits of ${counted(logits.images, 'image')}: rms error ${logits.rmsError.toExponential(2)}, ` +
            `${percent(logits.relativeError)} of their spread; largest ${logits.maxError.toExponential(2)}`,
          `likeliest label the same for ${percent(logits.agreement)}`,
        ]
      : []),
  ].join('\n');
}
