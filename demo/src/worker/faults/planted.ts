import KNOWN from 'virtual:known-faults';
import type { PlantedFault } from './inputs.js';
import { plantKnown } from './known.js';
import { WRITTEN_FAULTS } from './written.js';

/** Every fault that the playground plants. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  ...WRITTEN_FAULTS,
  ...KNOWN.map((fault) => ({ ...fault, plant: () => plantKnown(fault) })),
];
