/**
 * PNG, JPEG and WebP files to upright RGBA bytes, in every runtime.
 * @module flash-window-attention/image
 */

export { type DecodeImageOptions, decodeImage } from './decodeImage.js';
export type { RawImage, RgbaImage } from './rawImage.js';
