import { COSINE_FAULTS, LOGIT_GRADIENT_FAULTS } from './cosine.js';
import { FORWARD_FAULTS } from './forward.js';
import { GRADIENT_FAULTS } from './gradients.js';
import { IMAGE_FAULTS, IMAGE_GRADIENT_FAULTS } from './images.js';
import type { PlantedFault } from './inputs.js';
import { PAIRS } from './pairs.js';
import { STORE_FAULTS } from './stores.js';
import { TILE_FAULTS } from './tiles.js';

/** Faults that are written here, apart from the oracle's own list of them. */
export const WRITTEN_FAULTS: readonly PlantedFault[] = [
  ...FORWARD_FAULTS,
  ...TILE_FAULTS,
  ...STORE_FAULTS,
  ...PAIRS,
  ...GRADIENT_FAULTS,
  ...COSINE_FAULTS,
  ...LOGIT_GRADIENT_FAULTS,
  ...IMAGE_FAULTS,
  ...IMAGE_GRADIENT_FAULTS,
];
