import { COSINE_FAULTS } from './cosine.js';
import { FORWARD_FAULTS } from './forward.js';
import { GRADIENT_FAULTS } from './gradients.js';
import type { PlantedFault } from './inputs.js';

/** Every fault that the playground plants. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [...FORWARD_FAULTS, ...GRADIENT_FAULTS, ...COSINE_FAULTS];
