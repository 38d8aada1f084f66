import { damaged } from './damaged.js';
import { exifOrientation } from './exifOrientation.js';
import type { ImageHeader } from './header.js';

export interface JpegHeader extends ImageHeader {
  /** 1 for gray, 3 for YCbCr or RGB, 4 for CMYK or YCCK. */
  readonly components: number;
}

const APP1 = 0xe1;
const SOS = 0xda;
const EOI = 0xd9;
const RST0 = 0xd0;
const RST7 = 0xd7;
const TEM = 0x01;
/** Start-of-frame markers, from SOF0 on, but DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const isArithmetic = (marker: number) => marker > 0xc8;
/** `Exif` and two zeros. */
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/**
 * Reads a JPEG file's markers to the last one. Source: ITU T.81, annex B.
 * @throws RangeError for a file without a frame, one that ends before its end marker, and one too short for the size
 * that it claims.
 */
export function jpegHeader(bytes: Uint8Array): JpegHeader {
  let frame: { marker: number; width: number; height: number; components: number } | undefined;
  let orientation: number | undefined;
  for (let at = 2; ; ) {
    at = nextMarker(bytes, at);
    if (at < 0) throw damaged('a JPEG file up to its end marker', `${bytes.length} bytes without one`);
    const marker = bytes[at + 1] as number;
    at += 2;
    if (marker === EOI) break;
    if (marker === TEM) continue;
    const length = bytes.length - at < 2 ? 0 : ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (length < 2 || at + length > bytes.length) {
      throw damaged('a JPEG file with whole segments', `one of ${length} bytes at byte ${at} of ${bytes.length}`);
    }
    const segment = bytes.subarray(at + 2, at + length);
    if (marker === APP1 && EXIF.every((byte, i) => segment[i] === byte)) {
      orientation ??= exifOrientation(segment.subarray(EXIF.length));
    } else if (isFrame(marker) && segment.length >= 6) {
      const [, h1, h0, w1, w0, components] = segment as unknown as [number, number, number, number, number, number];
      frame ??= { marker, width: (w1 << 8) | w0, height: (h1 << 8) | h0, components };
    } else if (marker === SOS && !frame) break;
    at += length;
  }
  if (!frame) throw damaged('a JPEG file with a frame before its first scan', 'none');
  const { marker, width, height, components } = frame;
  if (width === 0 || height === 0) throw damaged('a JPEG file of 1 × 1 pixel or more', `${width} × ${height}`);
  // By Huffman codes a block takes a bit at least.
  const shortest = Math.ceil(width / 8) * Math.ceil(height / 8);
  if (!isArithmetic(marker) && 8 * bytes.length < shortest) {
    throw damaged(
      `a JPEG file of ${Math.ceil(shortest / 8)} bytes or more for ${width} × ${height} pixels`,
      `${bytes.length}`,
    );
  }
  return { width, height, components, orientation: orientation ?? 1 };
}

/** Where the next marker with a segment, or the end marker, begins; −1 without one. Skips entropy-coded data. */
function nextMarker(bytes: Uint8Array, from: number): number {
  for (let at = from; ; ) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return -1;
    const code = bytes[at + 1] as number;
    if (code === 0xff) at++;
    else if (code === 0 || (code >= RST0 && code <= RST7)) at += 2;
    else return at;
  }
}
