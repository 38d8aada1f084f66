import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeSafetensors } from '../safetensors/index.js';
import { layerInputs } from '../swin/layerInputs.js';
import { makeDirectory } from '../swin/makeDirectory.js';
import { loadPretrained } from '../swin/pretrained.js';
import { type QuantizedLayer, quantizeStateDict } from '../swin/quantizeStateDict.js';
import { collected } from '../swin/tensorSource.js';
import type { TensorLike } from '../tensor/tensor.js';
import { imagesOf } from './classify.js';
import { compareLogits, type LogitComparison } from './compareLogits.js';
import { isSame } from './outputFile.js';
import { pixelReader } from './pixelReader.js';
import { readAhead } from './readAhead.js';
import { counted } from './text.js';
import { UsageError } from './usageError.js';
import { writeAll } from './writeFile.js';

export interface QuantizeOptions {
  readonly output: string;
  readonly square?: boolean;
  /** Images, and directories of them, whose activations the rounding follows. */
  readonly calibrate?: readonly string[];
}

export interface QuantizeResult {
  readonly output: string;
  /** Of the tensors before and after. */
  readonly bytes: readonly [number, number];
  readonly layers: readonly QuantizedLayer[];
  readonly logits?: LogitComparison;
}

/** Images that are read at a time: the next one's file while one is computed. */
const AHEAD = 2;

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
  const seen = (await Promise.all(calibrate.map(imagesOf))).flat();
  const inputs = seen.length > 0 ? await layerInputs(tensors, config, readAhead(seen, read, AHEAD)) : undefined;
  const result = quantizeStateDict(tensors, config, inputs);
  if (result.layers.length === 0) throw new UsageError(`${source}: expected weights of floats, got a model of int8`);
  const compared = () => compareLogits([tensors, config], [result.tensors, config], readAhead(images, read, AHEAD));
  const logits = images.length > 0 && (await compared());
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
