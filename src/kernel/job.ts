import type { KernelMemory } from './memory.js';
import { type KernelArgs, type KernelName, RECORDS } from './schema.js';

/**
 * A kernel's work in parts, which threads share. The caller's thread enters and leaves them, in any order; a part in work
 * has one of `KernelCore.placesFor` places for its arrays to itself.
 */
export interface Job<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly parts: number;
  /** Pointer to scratch for every thread, and its bytes for one. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Copies a part's inputs to its place and returns the kernel's arguments. */
  enter(part: number, place: number): KernelArgs<K>;
  /** Takes a part's results. */
  leave?(part: number, place: number): void;
}

/** Writes a kernel's arguments to its record at `pointer`. */
export function writeRecord<K extends KernelName>(
  memory: KernelMemory,
  pointer: number,
  kernel: K,
  args: KernelArgs<K>,
): void {
  const fields: Readonly<Record<string, string>> = RECORDS[kernel];
  const values = args as Readonly<Record<string, number>>;
  const { float32, int32 } = memory;
  let at = pointer / 4;
  for (const field in fields) {
    if (fields[field] === 'f32') float32[at] = values[field] as number;
    else int32[at] = values[field] as number;
    at++;
  }
}
