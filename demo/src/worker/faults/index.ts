import { COSINE_FAULTS, LOGIT_GRADIENT_FAULTS } from './cosine.js';
import { FORWARD_FAULTS } from './forward.js';
import { GRADIENT_FAULTS } from './gradients.js';
import { IMAGE_FAULTS, IMAGE_GRADIENT_FAULTS } from './images.js';
import type { PlantedFault } from './inputs.js';
import { PAIRS } from './pairs.js';
import { TILE_FAULTS } from './tiles.js';

/** Every fault that the playground plants. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  ...FORWARD_FAULTS,
  ...TILE_FAULTS,
  ...PAIRS,
  ...GRADIENT_FAULTS,
  ...COSINE_FAULTS,
  ...LOGIT_GRADIENT_FAULTS,
  ...IMAGE_FAULTS,
  ...IMAGE_GRADIENT_FAULTS,
];
