export { createWindowAttention } from './attention/createWindowAttention.edgeLight.js';
export type * from './index.js';
