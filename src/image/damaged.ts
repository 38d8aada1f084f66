import { message } from '../tensor/check.js';

/** The error for a file that its format forbids. */
export function damaged(expected: string, got: string): RangeError {
  return new RangeError(message('bytes', expected, got));
}
