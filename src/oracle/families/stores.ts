import { addedUp } from './addedUp.js';
import { matchedLines } from './matchedLines.js';
import { matchedUnits } from './matchedUnits.js';
import type { StoreCandidate, Stored } from './stored.js';
import { gathered } from './storedPlaces.js';

/** Right results at wrong places: the outputs of windows, heads, rows and columns exchanged, lost or added up. */
export function storedElsewhere(stored: Stored): StoreCandidate[] {
  return [...matchedUnits(stored), ...matchedLines(stored), ...gathered(stored), ...addedUp(stored)];
}
