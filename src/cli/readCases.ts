import { type Case, casesOf } from './cases.js';
import { readTensors } from './tensorFiles.js';

/** Reads the cases of a file as `casesOf` says. */
export async function readCases(path: string): Promise<Case[]> {
  return casesOf(path, await readTensors(path));
}
