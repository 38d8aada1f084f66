import { readFile } from 'node:fs/promises';
import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png';
import jpeg from 'jpeg-js';
import type { RawImage } from '../swin/preprocess.js';

/** Decodes a PNG or JPEG file. @throws RangeError for a file that is neither or is damaged. */
export async function readImage(path: string): Promise<RawImage> {
  const bytes = await readFile(path);
  try {
    if (hasPngSignature(bytes.subarray(0, 8))) return pngImage(bytes);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  } catch (cause) {
    throw new RangeError(`${path} expected to be an intact image, got: ${(cause as Error).message}`, { cause });
  }
  throw new RangeError(`${path} expected to be a PNG or JPEG file, got neither signature`);
}

function pngImage(bytes: Uint8Array): RawImage {
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

/** The largest square in the middle of an RGB or RGBA image. */
export function centerSquare({ data, width, height }: RawImage): RawImage {
  const size = Math.min(width, height);
  const channels = data.length / (width * height);
  const left = Math.floor((width - size) / 2);
  const top = Math.floor((height - size) / 2);
  const square = new Uint8Array(size * size * channels);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * channels;
    square.set(data.subarray(from, from + size * channels), y * size * channels);
  }
  return { data: square, width: size, height: size };
}
