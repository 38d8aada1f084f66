import { readFile } from 'node:fs/promises';
import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png';
import jpeg from 'jpeg-js';
import { centerCrop, type RawImage } from '../swin/preprocess.js';

/** A decoded image without alpha. */
interface RgbImage extends RawImage {
  readonly data: Uint8Array;
}

/** Decodes a PNG or JPEG file. @throws RangeError for a file that is neither or is damaged. */
export async function readImage(path: string): Promise<RgbImage> {
  const bytes = await readFile(path);
  try {
    if (hasPngSignature(bytes.subarray(0, 8))) return pngImage(bytes);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  } catch (cause) {
    throw new RangeError(`${path} expected to be an intact image, got: ${(cause as Error).message}`, { cause });
  }
  throw new RangeError(`${path} expected to be a PNG or JPEG file, got neither signature`);
}

function pngImage(bytes: Uint8Array): RgbImage {
  const png = decodePng(bytes);
  const { width, height, depth } = png;
  const hasPalette = png.palette !== undefined;
  const data = hasPalette ? convertIndexedToRgb(png) : png.data;
  const channels = hasPalette ? data.length / (width * height) : png.channels;
  const max = hasPalette ? 255 : 2 ** depth - 1;
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      // One or two channels are grey, without or with alpha.
      const sample = data[i * channels + (channels < 3 ? 0 : c)] as number;
      rgb[3 * i + c] = Math.round((sample / max) * 255);
    }
  }
  return { data: rgb, width, height };
}

/** The largest square in the middle of an image that `readImage` returned. */
export function centerSquare({ data, width, height }: RgbImage): RgbImage {
  const size = Math.min(width, height);
  return { data: centerCrop(data, [height, width], [size, size]), width: size, height: size };
}
