import type { ImageContext, ImageFamily, ImageVariant } from '../imageFault.js';
import { biases, sums } from './biases.js';
import { channels, reshapes } from './channels.js';
import { masks } from './masks.js';
import { paddings } from './padding.js';
import { exchanges, partitions } from './partitions.js';
import { shifts } from './shifts.js';
import { windowFaults } from './windowFaults.js';

const FAMILIES: readonly ImageFamily[] = [
  sums,
  paddings,
  masks,
  shifts,
  biases,
  channels,
  reshapes,
  partitions,
  exchanges,
  windowFaults,
];

/** Every fault that is known of kernels over images, family by family. */
export function imageFamilies(context: ImageContext): ImageVariant[][] {
  return FAMILIES.map((family) => [...family(context)]);
}
