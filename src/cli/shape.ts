import { UsageError } from './usageError.js';

/** Parses B,H,L,D. @throws UsageError for anything but four integers ≥ 1. */
export function parseShape(text: string): [number, number, number, number] {
  const shape = text.split(',').map(Number);
  if (shape.length !== 4 || !shape.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    throw new UsageError(`--shape expected B,H,L,D of integers ≥ 1, got ${text}`);
  }
  return shape as [number, number, number, number];
}
