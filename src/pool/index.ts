/**
 * Models in worker threads, for servers on Node.
 * @module flash-window-attention/pool
 */

export type { RawImage } from '../image/rawImage.js';
export type { Classification } from '../swin/scores.js';
export type {
  ImageSource,
  PoolAttentionArgs,
  PoolCallOptions,
  PoolClassifyOptions,
  SwinPoolOptions,
} from './protocol.js';
export { createSwinPool, type SwinPool } from './swinPool.js';
