import { imageDecoder } from './imageDecoder.js';
import { inlineCodecs } from './inlineCodecs.js';

export type { DecodeImage, DecodeImageOptions } from './imageDecoder.js';
export type { RawImage, RgbaImage } from './rawImage.js';
export const decodeImage = imageDecoder(inlineCodecs);
