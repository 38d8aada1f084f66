export { narrowHalf, widenHalf } from './half';
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
