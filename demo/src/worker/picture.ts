import { decodeImage } from 'flash-window-attention/image';
import type { RawImage } from 'flash-window-attention/swin';
import type { Picture } from '../protocol.js';

/** Side of the square that the page shows. */
const SHOWN = 384;
const FORMATS = ['image/png', 'image/jpeg', 'image/webp'];

/**
 * Decodes a picture as the library does, and formats that it does not know as this browser does.
 * @throws RangeError naming the file, for one that is no picture or a damaged one.
 */
export async function decode(file: Blob, name: string): Promise<RawImage> {
  try {
    return await decodeImage(new Uint8Array(await file.arrayBuffer()));
  } catch (cause) {
    const bitmap = FORMATS.includes(file.type) ? undefined : await createImageBitmap(file).catch(() => undefined);
    if (!bitmap)
      throw new RangeError(`${name} cannot be read as a picture: it is damaged, or of no known format`, { cause });
    const { width, height } = bitmap;
    const context = contextOf(width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return { data: context.getImageData(0, 0, width, height).data, width, height };
  }
}

/** The square in the middle of an image, which is what the model sees of it. */
export async function squareOf({ data, width, height }: RawImage): Promise<Picture> {
  const rgba = new ImageData(new Uint8ClampedArray(data), width, height);
  const bitmap = await createImageBitmap(rgba);
  const side = Math.min(width, height);
  const context = contextOf(SHOWN, SHOWN);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SHOWN, SHOWN);
  bitmap.close();
  return { square: await context.canvas.convertToBlob(), width, height };
}

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (!context) throw new Error('this browser cannot draw in a worker');
  return context;
}
