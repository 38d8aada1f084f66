import { readFile } from 'node:fs/promises';
import { type DecodeImageOptions, decodeImage, type RgbaImage } from '../image/index.js';

/** Decodes a PNG, JPEG or WebP file. @throws RangeError, naming the file, for one that is none of these or is damaged. */
export async function readImage(path: string, options: DecodeImageOptions = {}): Promise<RgbaImage> {
  const bytes = await readFile(path);
  try {
    return await decodeImage(bytes, options);
  } catch (cause) {
    throw new RangeError(`${path}: ${(cause as Error).message.replace('"bytes" ', '')}`, { cause });
  }
}
