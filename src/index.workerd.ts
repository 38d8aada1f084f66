export { createWindowAttention } from './attention/createWindowAttention.workerd.js';
export type * from './index.js';
