export { mergeHeads, permuteHeads, roll, windowPartition, windowReverse } from './imageCopies';
export { multiplyAndAddPeak } from './peak';
export { packPhase, scorePhase, softmaxPhase, valuePhase } from './phases';
export { standardAttentionBackward } from './standardAttentionBackward';
export { standardAttention } from './standardAttention';

export function heapBase(): usize {
  return __heap_base;
}
