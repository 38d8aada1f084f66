import { edgeLightCodecs } from './edgeLightCodecs.js';
import { imageDecoder } from './imageDecoder.js';

export type * from './index.js';
export const decodeImage = imageDecoder(edgeLightCodecs);
