import { goldenCases, tensorOf } from './golden.js';
import { configOf, stateDictOf } from './upstream.js';

/** A small Swin of golden weights, and pixel values that it takes. */
export function smallSwin() {
  const [golden] = goldenCases('models');
  if (!golden) throw new Error('no golden model');
  return { tensors: stateDictOf(golden), config: configOf(golden), pixels: tensorOf(golden, 'x') };
}
