export { narrowHalf, widenHalf } from './half';
export { layerNorm } from './layerNorm';
export { linear, linearScratch, packLinear } from './linear';
export {
  shiftedWindowAttentionBackward,
  shiftedWindowAttentionBackwardScratch,
} from './shiftedWindowAttentionBackward';
export { shiftedWindowAttention, shiftedWindowAttentionScratch } from './shiftedWindowAttention';
export { windowAttention, windowAttentionScratch } from './windowAttention';
export { windowAttentionBackward, windowAttentionBackwardScratch } from './windowAttentionBackward';

/** First byte of memory that the kernels leave to the caller. */
export function heapBase(): usize {
  return __heap_base;
}
