export { multiplyAndAddPeak } from './peak';
export { standardAttention } from './standardAttention';

export function heapBase(): usize {
  return __heap_base;
}
