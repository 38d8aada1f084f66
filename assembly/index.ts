export { narrowHalf, widenHalf } from './half';
export { heapBase, isRelaxed, schemaVersion } from './module';
export {
  shiftedWindowAttentionBackward,
  shiftedWindowAttentionBackwardScratch,
} from './shiftedWindowAttentionBackward';
export { shiftedWindowAttention, shiftedWindowAttentionScratch } from './shiftedWindowAttention';
export { windowAttention, windowAttentionScratch } from './windowAttention';
export { windowAttentionBackward, windowAttentionBackwardScratch } from './windowAttentionBackward';
