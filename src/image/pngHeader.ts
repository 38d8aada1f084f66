import { describe } from '../tensor/check.js';
import { crc32 } from '../tensor/crc32.js';
import { damaged } from './damaged.js';
import { exifOrientation } from './exifOrientation.js';
import type { ImageHeader } from './header.js';

export interface PngHeader extends ImageHeader {
  /** The file without the chunks that pixels do not depend on. */
  readonly essential: Uint8Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Chunks that pixels depend on. The others hold compressed data of their own, which may inflate to anything. */
const ESSENTIAL = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
/** Samples a pixel, by colour type, and the depths that it may have. */
const COLOR_TYPES: Readonly<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const PALETTE = 3;
/** x0, y0, dx, dy of Adam7's passes. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
/** Deflate makes no more of a byte. Source: zlib's technical details. */
const LARGEST_RATIO = 1032;
/** What compressed data may have beyond twice the data that they hold. */
const SLACK = 65536;

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads a PNG file's chunks. Source: PNG specification, third edition.
 * @throws RangeError for chunks that the format forbids or whose CRC is not that of their bytes, and for image data that cannot be those of the image's size:
 * too few bytes to inflate to it, or far more than it takes.
 */
export function pngHeader(bytes: Uint8Array): PngHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE.length)];
  let header: ReturnType<typeof readSize> | undefined;
  let orientation = 1;
  let [dataLength, hasPalette, isEnded] = [0, false, false];
  for (let at = SIGNATURE.length; !isEnded; ) {
    if (at + 12 > bytes.length) throw damaged('a PNG file up to its chunk IEND', `${bytes.length} bytes without one`);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length)
      throw damaged(`a PNG file with ${length} bytes in chunk ${type}`, `${bytes.length - at - 12}`);
    // Of every chunk, as Pillow does; the decoder looks at none.
    const [stated, actual] = [view.getUint32(end - 4), crc32(bytes.subarray(at + 4, end - 4))];
    if (stated !== actual) throw damaged(`CRC ${hex(stated)} of PNG chunk ${describe(type)}`, hex(actual));
    if (!header) {
      if (type !== 'IHDR' || length !== 13) throw damaged('a PNG file that begins with IHDR', `chunk ${type}`);
      header = readSize(view, at + 8);
    }
    if (type === 'IDAT') dataLength += length;
    else if (type === 'PLTE') hasPalette = true;
    else if (type === 'eXIf') orientation = exifOrientation(bytes.subarray(at + 8, at + 8 + length));
    else if (type === 'IEND') isEnded = true;
    // Alpha goes before transparency, which the format then forbids and Pillow ignores.
    const isIgnored = type === 'tRNS' && header.colorType > PALETTE;
    if (ESSENTIAL.includes(type) && !isIgnored) kept.push(bytes.subarray(at, end));
    at = end;
  }
  const { width, height, colorType, rawLength } = header as ReturnType<typeof readSize>;
  if (colorType === PALETTE && !hasPalette) throw damaged('a PNG file of palette colours with a palette', 'none');
  if (rawLength > LARGEST_RATIO * dataLength) {
    const shortest = Math.ceil(rawLength / LARGEST_RATIO);
    throw damaged(
      `a PNG file with ${shortest} bytes of image data or more`,
      `${dataLength} for ${width} × ${height} pixels`,
    );
  }
  if (dataLength > 2 * rawLength + SLACK) {
    const longest = 2 * rawLength + SLACK;
    throw damaged(
      `a PNG file with ${longest} bytes of image data at most`,
      `${dataLength} for ${width} × ${height} pixels`,
    );
  }
  return { width, height, orientation, essential: concatenate(kept) };
}

function readSize(view: DataView, at: number) {
  const [width, height] = [view.getUint32(at), view.getUint32(at + 4)];
  const [depth, colorType, compression, filter, interlace] = [8, 9, 10, 11, 12].map((i) => view.getUint8(at + i)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (width === 0 || height === 0 || width >= 2 ** 31 || height >= 2 ** 31) {
    throw damaged('a PNG file of 1 × 1 pixel or more', `${width} × ${height}`);
  }
  const layout = COLOR_TYPES[colorType];
  if (!layout?.depths.includes(depth)) {
    throw damaged('a PNG file of a known colour type', `type ${colorType} with ${depth} bits a sample`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damaged(
      'a PNG file of known methods',
      `compression ${compression}, filter ${filter}, interlace ${interlace}`,
    );
  }
  const bits = layout.samples * depth;
  const passes = interlace ? ADAM7 : ([[0, 0, 1, 1]] as const);
  const rawLength = passes.reduce((total, [x0, y0, dx, dy]) => {
    const [columns, rows] = [Math.ceil((width - x0) / dx), Math.ceil((height - y0) / dy)];
    return columns > 0 && rows > 0 ? total + rows * (1 + Math.ceil((columns * bits) / 8)) : total;
  }, 0);
  return { width, height, colorType, rawLength };
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
