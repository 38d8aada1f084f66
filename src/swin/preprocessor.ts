import { checkFinite, checkInteger, checkObject, describe, message } from '../tensor/check.js';
import { RESAMPLE, type Resample } from './resize.js';

type Size = readonly [number, number];

/** The keys of Hugging Face's `preprocessor_config.json` that this library reads. */
export interface PreprocessorConfig {
  readonly do_resize?: boolean;
  /** A square's side, `[height, width]`, or by name; `shortest_edge` keeps the aspect ratio. */
  readonly size?:
    | number
    | Size
    | {
        readonly height?: number;
        readonly width?: number;
        readonly shortest_edge?: number;
        readonly longest_edge?: number;
      };
  /** Pillow's `Resampling`: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming. */
  readonly resample?: number;
  /** timm's: the image is resized so that its shortest edge is that of `size` over this, then cropped to `size`. */
  readonly crop_pct?: number;
  readonly do_center_crop?: boolean;
  readonly crop_size?: number | Size | { readonly height: number; readonly width: number };
  readonly do_rescale?: boolean;
  readonly rescale_factor?: number;
  readonly do_normalize?: boolean;
  /** A number for every channel, or one for all. */
  readonly image_mean?: number | readonly number[];
  readonly image_std?: number | readonly number[];
}

/** What a model's images must become: `imageSize` as [height, width]. */
export interface ModelInput {
  readonly imageSize: Size;
  readonly numChannels: number;
}

/** A cut from the middle of an image. */
export interface Crop {
  readonly size: Size;
  /** Where it begins, by how much longer the image is; negative where the image is shorter. */
  start(excess: number): number;
}

/** A checked config. */
export interface Preprocessor {
  readonly numChannels: number;
  /** The size to resize an image of a size to. */
  readonly targetSize: (size: Size) => Size;
  readonly resample: Resample;
  readonly crop: Crop | undefined;
  /** For every channel what each of 256 bytes becomes. */
  readonly values: readonly Float32Array[];
}

const MAX_SIDE = 2 ** 15;
/** `ViTImageProcessor`'s defaults, for keys that a config lacks. */
const VIT = { size: 224, resample: RESAMPLE.bilinear, mean: 0.5, std: 0.5 };
/** What Swin was trained with, for models without a config. */
const IMAGENET: PreprocessorConfig = {
  resample: RESAMPLE.bicubic,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
};

/**
 * Checks a `preprocessor_config.json`; keys that it lacks have `ViTImageProcessor`'s defaults. Without a config, images
 * are resized to the model's size, bicubically, and normalised as ImageNet's.
 * Source: transformers, `ViTImageProcessor`, `get_size_with_aspect_ratio`; timm, `transforms_imagenet_eval`.
 * @throws TypeError for a value of a wrong type; RangeError for one that cannot be, such as a deviation of 0.
 */
export function checkPreprocessor(config: PreprocessorConfig | undefined, input: ModelInput): Preprocessor {
  const { imageSize, numChannels } = input;
  const own = config ?? (numChannels === 3 ? { ...IMAGENET, size: imageSize } : { resample: 3, size: imageSize });
  const keys = checkObject('preprocessor', own);
  for (const key of ['do_flip_channel_order', 'do_convert_grayscale']) {
    if (keys[key]) throw new RangeError(message(`preprocessor.${key}`, 'false', describe(keys[key])));
  }
  const isResized = flag(own, 'do_resize', true);
  const targetSize = targetSizeOf(own);
  const isCropped = flag(own, 'do_center_crop', false);
  return {
    numChannels,
    targetSize: isResized ? targetSize : (size) => size,
    resample: checkInteger(
      'preprocessor.resample',
      own.resample === undefined ? VIT.resample : own.resample,
      0,
      5,
    ) as Resample,
    crop: isCropped
      ? {
          size: checkSize('crop_size', own.crop_size === undefined ? imageSize : own.crop_size),
          start: (excess) => Math.floor(excess / 2),
        }
      : own.crop_pct === undefined
        ? undefined
        : { size: checkSize('size', own.size ?? VIT.size), start: torchvisionStart },
    values: valuesOf(own, numChannels),
  };
}

/** What `checkPreprocessor` takes the place of a config with, in words. */
export function assumedPreprocessing({ imageSize, numChannels }: ModelInput): string {
  const range = numChannels === 3 ? "by ImageNet's mean and standard deviation" : 'from -1 to 1';
  return `images resized to ${imageSize.join(' × ')} pixels (bicubic) and normalised ${range}`;
}

function flag(
  config: PreprocessorConfig,
  key: 'do_resize' | 'do_center_crop' | 'do_rescale' | 'do_normalize',
  absent: boolean,
) {
  const value = config[key] ?? absent;
  if (typeof value !== 'boolean') throw new TypeError(message(`preprocessor.${key}`, 'a boolean', describe(value)));
  return value;
}

/** `(byte · factor − mean) / std`, every step rounded to float32, as NumPy does for transformers. */
function valuesOf(config: PreprocessorConfig, numChannels: number): Float32Array[] {
  const rescaleFactor = checkFinite('preprocessor.rescale_factor', config.rescale_factor ?? 1 / 255);
  const factor = flag(config, 'do_rescale', true) ? rescaleFactor : 1;
  if (factor === 0) throw new RangeError(message('preprocessor.rescale_factor', 'a factor other than 0', '0'));
  const isNormalized = flag(config, 'do_normalize', true);
  const mean = channels('image_mean', config.image_mean, VIT.mean, numChannels);
  const std = channels('image_std', config.image_std, VIT.std, numChannels);
  for (const [c, deviation] of std.entries()) {
    if (!(deviation > 0)) {
      throw new RangeError(message(`preprocessor.image_std[${c}]`, 'a number above 0', describe(deviation)));
    }
  }
  const { fround } = Math;
  return mean.map((average, c) => {
    const deviation = std[c] as number;
    const values = Float32Array.from({ length: 256 }, (_, byte) => {
      const value = fround(byte * factor);
      return isNormalized ? fround(value - fround(average)) / fround(deviation) : value;
    });
    if (!values.every(Number.isFinite)) {
      const got = `rescale_factor ${factor}, image_mean ${average} and image_std ${deviation}`;
      throw new RangeError(message('preprocessor', `values of channel ${c} that float32 can hold`, got));
    }
    return values;
  });
}

function channels(key: string, value: unknown, absent: number, numChannels: number): number[] {
  const name = `preprocessor.${key}`;
  if (value === undefined || typeof value === 'number') {
    return new Array<number>(numChannels).fill(checkFinite(name, value ?? absent));
  }
  if (!Array.isArray(value)) throw new TypeError(message(name, 'a number, or one a channel', describe(value)));
  if (value.length !== numChannels) {
    throw new RangeError(message(name, `${numChannels} numbers, one a channel`, describe(value)));
  }
  return value.map((number, c) => checkFinite(`${name}[${c}]`, number));
}

function targetSizeOf(config: PreprocessorConfig): (size: Size) => Size {
  const size = config.size === undefined ? VIT.size : config.size;
  if (config.crop_pct !== undefined) {
    const fraction = checkFinite('preprocessor.crop_pct', config.crop_pct);
    if (!(fraction > 0)) throw new RangeError(message('preprocessor.crop_pct', 'a number above 0', describe(fraction)));
    const [height, width] = checkSize('size', size).map((side) => Math.floor(side / fraction)) as [number, number];
    if (height === width) return (from) => byShortestEdge(from, height);
    return ([fromHeight, fromWidth]) => {
      const ratio = Math.min(fromHeight / height, fromWidth / width);
      return [roundHalfToEven(fromHeight / ratio), roundHalfToEven(fromWidth / ratio)];
    };
  }
  if (typeof size !== 'object' || size === null || Array.isArray(size)) {
    const fixed = checkSize('size', size);
    return () => fixed;
  }
  const { shortest_edge: shortest, longest_edge: longest } = size as { shortest_edge?: number; longest_edge?: number };
  if (shortest === undefined && longest === undefined) {
    const fixed = checkSize('size', size);
    return () => fixed;
  }
  const edge = checkInteger('preprocessor.size.shortest_edge', shortest, 1, MAX_SIDE);
  if (longest === undefined) return (from) => byShortestEdge(from, edge);
  const limit = checkInteger('preprocessor.size.longest_edge', longest, 1, MAX_SIDE);
  return (from) => byBothEdges(from, edge, limit);
}

/** Source: transformers, `get_resize_output_image_size`; torchvision, `Resize` of one number. */
function byShortestEdge([height, width]: Size, edge: number): Size {
  return height < width ? [edge, Math.floor((edge * width) / height)] : [Math.floor((edge * height) / width), edge];
}

/** Source: transformers, `get_size_with_aspect_ratio`. */
function byBothEdges([height, width]: Size, shortestEdge: number, longestEdge: number): Size {
  const [short, long] = height < width ? [height, width] : [width, height];
  if ((long / short) * shortestEdge <= longestEdge) return byShortestEdge([height, width], shortestEdge);
  const exact = (longestEdge * short) / long;
  const edge = roundHalfToEven(exact);
  if (short === edge) return [height, width];
  return height < width ? [edge, Math.floor((exact * width) / height)] : [Math.floor((exact * height) / width), edge];
}

/** Source: torchvision, `center_crop`. */
function torchvisionStart(excess: number): number {
  return excess < 0 ? -Math.floor(-excess / 2) : roundHalfToEven(excess / 2);
}

/** As Python's `round` does. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function checkSize(key: 'size' | 'crop_size', size: unknown): Size {
  const name = `preprocessor.${key}`;
  if (typeof size === 'number') {
    const side = checkInteger(name, size, 1, MAX_SIDE);
    return [side, side];
  }
  if (typeof size !== 'object' || size === null) {
    throw new TypeError(message(name, 'a number, [height, width] or { height, width }', describe(size)));
  }
  if (Array.isArray(size) && size.length !== 2) {
    throw new RangeError(message(name, '[height, width]', describe(size)));
  }
  const [height, width] = Array.isArray(size)
    ? size
    : [(size as { height?: unknown }).height, (size as { width?: unknown }).width];
  return [checkInteger(`${name}.height`, height, 1, MAX_SIDE), checkInteger(`${name}.width`, width, 1, MAX_SIDE)];
}
