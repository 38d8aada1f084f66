import { imageDecoder } from './imageDecoder.js';
import { workerdCodecs } from './workerdCodecs.js';

export type * from './index.js';
export const decodeImage = imageDecoder(workerdCodecs);
