import type { JpegComponent, JpegPlanes } from '#codecs';
import type { RgbaImage } from './rawImage.js';
import { upsampledLine } from './upsampledLine.js';

/** Adobe's transform of CMYK as it is; libjpeg takes every other for YCCK's. */
const UNTRANSFORMED = 0;
/** Fixed-point factors of YCbCr, 16 bits behind the point. Source: libjpeg, `jdcolor.c`. */
const fix = (factor: number) => Math.round(factor * 65536);
const [CR_TO_R, CB_TO_B, CR_TO_G, CB_TO_G] = [fix(1.402), fix(1.772), fix(0.71414), fix(0.34414)];
const HALF = 32768;

/**
 * The pixels of a JPEG of four components, which are stored inverted; to RGB without a colour profile.
 * Source: libjpeg, `default_decompress_parms`, `ycck_cmyk_convert`; Pillow, `cmyk2rgb`.
 */
export function cmykPixels({ width, height, components, adobe }: JpegPlanes): RgbaImage {
  const data = new Uint8ClampedArray(4 * width * height);
  const lines = components.map(() => new Uint8Array(width));
  const [first, second, third, black] = lines as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const isYcck = (adobe?.transformCode ?? UNTRANSFORMED) !== UNTRANSFORMED;
  for (let y = 0; y < height; y++) {
    components.forEach((component, i) => {
      upsampledLine(component as JpegComponent, y, width, height, lines[i] as Uint8Array);
    });
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      let [r, g, b] = [first[x], second[x], third[x]] as [number, number, number];
      if (isYcck) {
        const [luma, cb, cr] = [r, g - 128, b - 128];
        r = 255 - clamped(luma + ((CR_TO_R * cr + HALF) >> 16));
        g = 255 - clamped(luma + ((-CB_TO_G * cb - CR_TO_G * cr + HALF) >> 16));
        b = 255 - clamped(luma + ((CB_TO_B * cb + HALF) >> 16));
      }
      // What is stored is 255 less the ink: of black, how much light is left.
      const light = black[x] as number;
      data[at] = light - scaled(255 - r, light);
      data[at + 1] = light - scaled(255 - g, light);
      data[at + 2] = light - scaled(255 - b, light);
      data[at + 3] = 255;
    }
  }
  return { data, width, height };
}

function clamped(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** a · b / 255, rounded. Source: Pillow, `MULDIV255`. */
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
