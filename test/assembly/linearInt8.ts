export { exactGeluRows } from '../../assembly/gelu';
export { linearInt8, linearInt8Scratch } from '../../assembly/linearInt8';
export { packLinearInt8 } from '../../assembly/packLinear';

export function heapBase(): usize {
  return __heap_base;
}
