export { type DecodeImageOptions, decodeImage } from './decodeImage.js';
export type { RawImage, RgbaImage } from './rawImage.js';
