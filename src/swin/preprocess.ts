import type { RawImage } from '../image/rawImage.js';
import { checkInteger, checkObject, describe, message } from '../tensor/check.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import { checkCallingOptions } from './options.js';
import type { Crop, Preprocessor } from './preprocessor.js';
import { type Pixels, packed, packedPixels, resize } from './resize.js';

export interface PreprocessOptions {
  /** Take the largest square in the middle of the image, as models trained on square pictures expect. */
  readonly square?: boolean | undefined;
}

const MAX_SIDE = 2 ** 24;
/** The most pixels that an image is resized to: a very long one keeps its aspect ratio. */
const MAX_PIXELS = 2 ** 26;

/**
 * Turns an image into pixel values `[1, channels, H, W]`, float32: resize, centre crop, rescale, normalise, each as
 * `preprocessor` says. Alpha is dropped; for a model of one channel, colours become Pillow's luminance.
 * Source: transformers, `ViTImageProcessor`; Pillow, `Image.convert`.
 * @throws TypeError for what is no image; RangeError for a length that fits neither RGB nor RGBA, for a model of
 * neither 1 nor 3 channels, and for an image so long that it would be resized to more than 2²⁶ pixels.
 */
export function preprocess(
  image: RawImage,
  preprocessor: Preprocessor,
  options: PreprocessOptions = {},
): Tensor<Float32Array> {
  checkCallingOptions(options);
  const { square = false } = options;
  const { numChannels, targetSize, resample, crop, values } = preprocessor;
  if (numChannels !== 1 && numChannels !== 3) {
    throw new RangeError(message('image', 'a model of 1 or 3 channels', `a model of ${numChannels}`));
  }
  const whole = colorsOf(image);
  const pixels = square ? centerSquare(whole) : whole;
  const [height, width] = targetSize([pixels.height, pixels.width]);
  if (!(height >= 1 && width >= 1 && height * width <= MAX_PIXELS)) {
    const got = `${pixels.height} × ${pixels.width}, which would be resized to ${height} × ${width}`;
    throw new RangeError(message('image', `one that is resized to at most ${MAX_PIXELS} pixels`, got));
  }
  const resized = resize(numChannels === 1 ? luminance(pixels) : pixels, [height, width], resample);
  return normalized(crop ? centerCrop(resized, crop) : resized, values);
}

/** The colours of a checked image, where they lie. */
function colorsOf(image: RawImage): Pixels {
  checkObject('image', image);
  const { data } = image;
  const width = checkInteger('image.width', image.width, 1, MAX_SIDE);
  const height = checkInteger('image.height', image.height, 1, MAX_SIDE);
  const kind = Object.prototype.toString.call(data);
  if (kind !== '[object Uint8Array]' && kind !== '[object Uint8ClampedArray]') {
    throw new TypeError(message('image.data', 'a Uint8Array or Uint8ClampedArray', describe(data)));
  }
  const depth = data.length / (width * height);
  if (depth !== 3 && depth !== 4) {
    const expected = `3 or 4 bytes for each of ${width} × ${height} pixels`;
    throw new RangeError(message('image.data', expected, `${data.length} bytes`));
  }
  // One kind of array for all that follows, whose loops are compiled for it.
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data: bytes, height, width, channels: 3, offset: 0, rowStride: depth * width, pixelStride: depth };
}

function centerSquare(pixels: Pixels): Pixels {
  const { height, width, rowStride, pixelStride } = pixels;
  const side = Math.min(height, width);
  const offset = Math.floor((height - side) / 2) * rowStride + Math.floor((width - side) / 2) * pixelStride;
  return { ...pixels, height: side, width: side, offset };
}

/** Source: Pillow, `rgb2l`: ITU-R 601-2 in 16-bit fixed point. */
function luminance({ data, height, width, offset, rowStride, pixelStride }: Pixels): Pixels {
  const gray = new Uint8Array(height * width);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = offset + y * rowStride; x < width; x++, from += pixelStride) {
      const [r, g, b] = [data[from] as number, data[from + 1] as number, data[from + 2] as number];
      gray[to++] = (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
    }
  }
  return packedPixels(gray, height, width, 1);
}

/** The middle of an image; zeros where the crop is larger. */
function centerCrop(pixels: Pixels, { size: [height, width], start }: Crop): Pixels {
  const { data, channels, offset, rowStride } = packed(pixels);
  const top = start(pixels.height - height);
  const left = start(pixels.width - width);
  const cropped = packedPixels(new Uint8Array(height * width * channels), height, width, channels);
  const [firstX, endX] = [Math.max(0, left), Math.min(pixels.width, left + width)];
  for (let y = Math.max(0, top); y < Math.min(pixels.height, top + height); y++) {
    const row = offset + y * rowStride;
    const to = (y - top) * cropped.rowStride + (firstX - left) * channels;
    cropped.data.set(data.subarray(row + firstX * channels, row + endX * channels), to);
  }
  return cropped;
}

/** Channels first, each byte as `values` say. */
function normalized(pixels: Pixels, values: readonly Float32Array[]): Tensor<Float32Array> {
  const { data, height, width, offset, rowStride, pixelStride } = pixels;
  const tensor = float32Tensor([1, values.length, height, width]);
  for (const [c, table] of values.entries()) {
    for (let y = 0, to = c * height * width; y < height; y++) {
      for (let x = 0, from = offset + y * rowStride + c; x < width; x++, from += pixelStride) {
        tensor.data[to++] = table[data[from] as number] as number;
      }
    }
  }
  return tensor;
}
