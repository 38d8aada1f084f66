import { cmykJpeg } from '#codecs';
import { checkInteger, checkKeys, checkObject, describe, message } from '../tensor/check.js';
import { cmykPixels } from './cmykPixels.js';
import { type CodecName, Codecs } from './codecs.js';
import { damaged } from './damaged.js';
import type { ImageHeader } from './header.js';
import { isJpeg, jpegHeader } from './jpegHeader.js';
import { isPng, pngHeader } from './pngHeader.js';
import type { RgbaImage } from './rawImage.js';
import { upright } from './upright.js';
import { isWebp, webpHeader } from './webpHeader.js';

export interface DecodeImageOptions {
  /** Images of more pixels are refused before memory is taken for them; 100,000,000 when absent. */
  readonly maxPixels?: number | undefined;
}

const MAX_PIXELS = 100_000_000;
const CMYK_COMPONENTS = 4;
/** What jpeg-js takes for a pixel of four components, and to begin with. */
const CMYK_BYTES = 40;
const MEGA = 1e6;

/** The codecs of all calls, which are made by the first image of their format and kept as long as the host likes. */
const codecs = new Codecs();

/**
 * Decodes a PNG, JPEG or WebP file to RGBA bytes, upright: EXIF's orientation is applied. Samples of 16 bits give
 * their high byte; CMYK is converted as Pillow does, without a colour profile. JPEG by mozjpeg, or jpeg-js for CMYK,
 * WebP by libwebp, PNG by the Rust crate png.
 *
 * A JPEG file without its end marker is refused. Where one has it and its scan is short of the rows that its header
 * claims, the rest is gray, as in Pillow; of CMYK it is refused.
 *
 * Rejects with TypeError for what is no `Uint8Array` or `ArrayBuffer`, and for an unknown option; with RangeError for
 * a file of another format, one that is damaged, an animation, and one of more than `maxPixels` pixels; with what the
 * host throws where it cannot instantiate a codec, which the next call tries again.
 */
export async function decodeImage(
  bytes: Uint8Array | ArrayBuffer,
  options: DecodeImageOptions = {},
): Promise<RgbaImage> {
  const file = checkBytes(bytes);
  const maxPixels = checkMaxPixels(options);
  const format = formatOf(file);
  const { header, decode } = FORMATS[format](file);
  checkSize(format, header, maxPixels);
  const { data, width, height } = await decode();
  if (width !== header.width || height !== header.height || data.length !== 4 * width * height) {
    throw damaged(`an image of ${header.width} × ${header.height} pixels, as its header says`, `${width} × ${height}`);
  }
  return upright({ data, width, height }, header.orientation);
}

interface Opened {
  readonly header: ImageHeader;
  decode(): Promise<RgbaImage>;
}

const FORMATS: Readonly<Record<CodecName, (bytes: Uint8Array) => Opened>> = {
  jpeg(bytes) {
    const header = jpegHeader(bytes);
    const isCmyk = header.components === CMYK_COMPONENTS;
    return { header, decode: isCmyk ? () => decodeCmyk(bytes, header) : decoding('jpeg', 'JPEG', bytes) };
  },
  png(bytes) {
    const header = pngHeader(bytes);
    return { header, decode: decoding('png', 'PNG', header.essential) };
  },
  webp: (bytes) => ({ header: webpHeader(bytes), decode: decoding('webp', 'WebP', bytes) }),
};

function decoding(name: CodecName, format: string, bytes: Uint8Array): Opened['decode'] {
  return () => codecs.with(name, (codec) => intact(format, () => codec.decode(bytes)));
}

async function decodeCmyk(bytes: Uint8Array, { width, height }: ImageHeader): Promise<RgbaImage> {
  const decode = await cmykJpeg();
  return intact('JPEG', () => {
    const planes = decode(bytes, {
      tolerantDecoding: false,
      maxResolutionInMP: Math.ceil((width * height) / MEGA),
      maxMemoryUsageInMB: Math.ceil((CMYK_BYTES * width * height) / MEGA) + CMYK_BYTES,
    });
    return cmykPixels(planes);
  });
}

/** @throws RangeError, with what the codec throws as its cause. */
function intact(format: string, decode: () => RgbaImage): RgbaImage {
  try {
    return decode();
  } catch (cause) {
    throw new RangeError(message('bytes', `an intact ${format} file`, (cause as Error).message), { cause });
  }
}

function checkBytes(input: unknown): Uint8Array {
  const kind = Object.prototype.toString.call(input);
  if (kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]') {
    return new Uint8Array(input as ArrayBuffer);
  }
  if (kind === '[object Uint8Array]') return input as Uint8Array;
  throw new TypeError(message('bytes', 'a Uint8Array or ArrayBuffer of a PNG, JPEG or WebP file', describe(input)));
}

function checkMaxPixels(options: DecodeImageOptions): number {
  checkKeys('options', checkObject('options', options), ['maxPixels']);
  return checkInteger('maxPixels', options.maxPixels ?? MAX_PIXELS, 1);
}

function formatOf(bytes: Uint8Array): CodecName {
  if (isPng(bytes)) return 'png';
  if (isJpeg(bytes)) return 'jpeg';
  if (isWebp(bytes)) return 'webp';
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw damaged('a PNG, JPEG or WebP file', bytes.length === 0 ? 'no bytes' : `one that begins with bytes ${start}`);
}

function checkSize(format: CodecName, { width, height }: ImageHeader, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw damaged(`an image of at most ${maxPixels} pixels (maxPixels)`, `a ${format} file of ${width} × ${height}`);
}
