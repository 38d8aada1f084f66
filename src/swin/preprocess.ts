import { checkFinite, checkInteger, checkObject, describe, message } from '../tensor/check.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import { resize } from './resize.js';

/** Decoded pixels: `data` holds rows of RGB or RGBA bytes, interleaved. Alpha is ignored. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** The keys of Hugging Face's `preprocessor_config.json` that this library reads. */
export interface PreprocessorConfig {
  readonly do_resize?: boolean;
  readonly size?: number | { readonly height?: number; readonly width?: number; readonly shortest_edge?: number };
  readonly resample?: number;
  readonly do_center_crop?: boolean;
  readonly crop_size?: number | { readonly height: number; readonly width: number };
  readonly do_rescale?: boolean;
  readonly rescale_factor?: number;
  readonly do_normalize?: boolean;
  readonly image_mean?: readonly number[];
  readonly image_std?: readonly number[];
}

const BICUBIC = 3;
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];

/**
 * Turns an image into pixel values `[1, 3, H, W]`, float32: resize, centre crop, rescale, normalise, each as the
 * config says. Without a config, the image is resized to `imageSize` and normalised as ImageNet's.
 * Source: transformers, `ViTImageProcessor`.
 * @throws TypeError for what is no image; RangeError for a length that fits neither RGB nor RGBA, or a bad config.
 */
export function preprocess(
  image: RawImage,
  imageSize: readonly [number, number],
  config: PreprocessorConfig = {},
): Tensor<Float32Array> {
  const { width, height } = image;
  let pixels = rgbOf(image);
  let size: [number, number] = [height, width];
  if (config.do_resize ?? true) {
    const target = targetSize(size, imageSize, config.size);
    pixels = resize(pixels, size, target, 3, config.resample ?? BICUBIC);
    size = target;
  }
  if (config.do_center_crop) {
    const crop = fixedSize('preprocessor.crop_size', config.crop_size, imageSize);
    pixels = centerCrop(pixels, size, crop);
    size = crop;
  }
  const factor =
    (config.do_rescale ?? true) ? checkFinite('preprocessor.rescale_factor', config.rescale_factor ?? 1 / 255) : 1;
  const isNormalized = config.do_normalize ?? true;
  const mean = isNormalized ? channels('image_mean', config.image_mean ?? IMAGENET_MEAN) : [0, 0, 0];
  const std = isNormalized ? channels('image_std', config.image_std ?? IMAGENET_STD) : [1, 1, 1];
  const count = size[0] * size[1];
  const values = float32Tensor([1, 3, ...size]);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) {
      const value = (pixels[3 * i + c] as number) * factor;
      values.data[c * count + i] = (value - (mean[c] as number)) / (std[c] as number);
    }
  }
  return values;
}

/** RGB bytes of an image, without its alpha. */
function rgbOf(image: RawImage): Uint8Array {
  checkObject('image', image);
  const { data } = image;
  const width = checkInteger('image.width', image.width, 1);
  const height = checkInteger('image.height', image.height, 1);
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new TypeError(message('image.data', 'a Uint8Array or Uint8ClampedArray', describe(data)));
  }
  const depth = data.length / (width * height);
  if (depth !== 3 && depth !== 4) {
    const expected = `3 or 4 bytes for each of ${width} × ${height} pixels`;
    throw new RangeError(message('image.data', expected, `${data.length} bytes`));
  }
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[depth * i + c] as number;
  }
  return rgb;
}

/** The size to resize to; `shortest_edge` keeps the aspect ratio. */
function targetSize(
  [height, width]: readonly [number, number],
  imageSize: readonly [number, number],
  size: PreprocessorConfig['size'],
): [number, number] {
  if (typeof size !== 'object' || size.shortest_edge === undefined) {
    return fixedSize('preprocessor.size', size as { height: number; width: number } | undefined, imageSize);
  }
  const edge = checkInteger('preprocessor.size.shortest_edge', size.shortest_edge, 1, 2 ** 15);
  const [short, long] = height < width ? [height, width] : [width, height];
  const longEdge = Math.max(1, Math.floor((edge * long) / short));
  return height < width ? [edge, longEdge] : [longEdge, edge];
}

function fixedSize(
  name: string,
  size: number | { readonly height?: number; readonly width?: number } | undefined,
  imageSize: readonly [number, number],
): [number, number] {
  if (size === undefined) return [imageSize[0], imageSize[1]];
  const { height, width } = typeof size === 'number' ? { height: size, width: size } : size;
  return [checkInteger(`${name}.height`, height, 1, 2 ** 15), checkInteger(`${name}.width`, width, 1, 2 ** 15)];
}

/** The middle of an RGB image; zeros where the crop is larger. */
export function centerCrop(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Uint8Array {
  const top = Math.floor((height - toHeight) / 2);
  const left = Math.floor((width - toWidth) / 2);
  const cropped = new Uint8Array(3 * toHeight * toWidth);
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth; x++) {
      const [fromY, fromX] = [y + top, x + left];
      if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) continue;
      const from = 3 * (fromY * width + fromX);
      cropped.set(pixels.subarray(from, from + 3), 3 * (y * toWidth + x));
    }
  }
  return cropped;
}

function channels(key: string, values: readonly number[]): readonly number[] {
  if (!Array.isArray(values))
    throw new TypeError(message(`preprocessor.${key}`, 'an array of 3 numbers', describe(values)));
  if (values.length !== 3) throw new RangeError(message(`preprocessor.${key}`, '3 numbers', describe(values)));
  return values.map((value, c) => checkFinite(`preprocessor.${key}[${c}]`, value));
}
