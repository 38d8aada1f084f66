import type { RgbaImage } from './rawImage.js';

/** Pixels of a tile's side: its rows of one image and its columns of the other stay in the cache together. */
const TILE = 32;

/**
 * Turns an image the way that EXIF's `orientation` asks for; the image itself where that is 1.
 * Source: EXIF 2.32, tag Orientation; Pillow, `ImageOps.exif_transpose`.
 */
export function upright(image: RgbaImage, orientation: number): RgbaImage {
  if (orientation === 1) return image;
  const { width, height, data } = image;
  const isTransposed = orientation >= 5;
  const [toWidth, toHeight] = isTransposed ? [height, width] : [width, height];
  // Along which way the axis of the source that feeds x, and the one that feeds y, run.
  const isXReversed = orientation === 2 || orientation === 3 || orientation === 6 || orientation === 7;
  const isYReversed = orientation === 3 || orientation === 4 || orientation === 7 || orientation === 8;
  const [strideX, strideY] = isTransposed ? [width, 1] : [1, width];
  const stepX = isXReversed ? -strideX : strideX;
  const stepY = isYReversed ? -strideY : strideY;
  const first = (isXReversed ? (toWidth - 1) * strideX : 0) + (isYReversed ? (toHeight - 1) * strideY : 0);
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  for (let top = 0; top < toHeight; top += TILE) {
    const bottom = Math.min(top + TILE, toHeight);
    for (let left = 0; left < toWidth; left += TILE) {
      const right = Math.min(left + TILE, toWidth);
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) to[y * toWidth + x] = from[first + x * stepX + y * stepY] as number;
      }
    }
  }
  return { data: new Uint8ClampedArray(to.buffer), width: toWidth, height: toHeight };
}
