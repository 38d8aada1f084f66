import { type Case, casesOf } from './cases.js';
import { openTensors } from './tensorFiles.js';

export interface CaseFile {
  readonly cases: readonly Case[];
  close(): void;
}

/** Opens the cases of a file as `casesOf` says. */
export function openCases(path: string, isTrusted = false): CaseFile {
  const file = openTensors(path, isTrusted);
  try {
    return { cases: casesOf(path, file), close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}
