import { damaged } from './damaged.js';
import { exifOrientation } from './exifOrientation.js';
import type { ImageHeader } from './header.js';

const ANIMATION = 2;

export function isWebp(bytes: Uint8Array): boolean {
  return tag(bytes, 0) === 'RIFF' && tag(bytes, 8) === 'WEBP';
}

/**
 * Reads a WebP file's chunks. Source: WebP container specification; RFC 6386, section 9.1, and RFC 9649, section 3.4,
 * for the sizes in the image data, which are those that a decoder allots.
 * @throws RangeError for a file without an image, one that ends early, and animations.
 */
export function webpHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: { width: number; height: number } | undefined;
  let orientation = 1;
  const end = Math.min(bytes.length, 8 + (bytes.length < 12 ? 0 : view.getUint32(4, true)));
  for (let at = 12; at + 8 <= end; ) {
    const type = tag(bytes, at);
    const length = view.getUint32(at + 4, true);
    const from = at + 8;
    if (from + length > bytes.length) {
      throw damaged(`a WebP file with ${length} bytes in chunk "${type}"`, `${bytes.length - from}`);
    }
    if (type === 'VP8X' && length >= 10 && (bytes[from] as number) & ANIMATION) {
      throw damaged('a WebP file of one image', 'an animation');
    }
    if (type === 'VP8 ' && length >= 10) {
      size ??= { width: view.getUint16(from + 6, true) & 0x3fff, height: view.getUint16(from + 8, true) & 0x3fff };
    } else if (type === 'VP8L' && length >= 5) {
      const bits = view.getUint32(from + 1, true);
      size ??= { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    } else if (type === 'EXIF') orientation = exifOrientation(withoutPrefix(bytes.subarray(from, from + length)));
    at = from + length + (length % 2);
  }
  if (!size) throw damaged('a WebP file with an image', 'none');
  return { ...size, orientation };
}

/** Some writers put JPEG's `Exif\0\0` before the data. */
function withoutPrefix(exif: Uint8Array): Uint8Array {
  return tag(exif, 0) === 'Exif' ? exif.subarray(6) : exif;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
