export { geluRows } from '../../assembly/gelu';

export function heapBase(): usize {
  return __heap_base;
}
