import type { KernelFunction } from './kernelModule.js';

/**
 * How threads share a job. The caller's thread writes a part's kernel, record and scratch to its place's slot in the
 * shared memory, the place to the queue, and counts `PUBLISHED` up; whichever thread counts `CLAIMED` up next runs the
 * part, with scratch of its own, and marks the place as done. Counts wrap around at 2³², which the queue's length divides.
 */
export interface Parts {
  /** The words below, then for each thread its state, the queue's places, and for each place whether its part is done. */
  readonly control: Int32Array;
  readonly threads: number;
  readonly queueLength: number;
  /** `SLOT_LENGTH` numbers for each place: kernel, record, scratch, scratch of the next thread. */
  readonly slots: Int32Array;
  readonly kernels: readonly KernelFunction[];
  /** Of this thread, 0 for the caller's. */
  readonly thread: number;
}

export const PUBLISHED = 0;
export const CLAIMED = 1;
/** 1 while the caller's thread sleeps and wants to hear of a part that is done. */
export const AWAITED = 2;
/** 1 when the workers are to end. */
export const STOPPING = 3;
/** Counts what workers should wake up for. */
export const WAKE = 4;
const STATES = 5;
/** State of a thread that is ready for parts, and of one that will not touch the memory again; 0 before. */
export const READY = 1;
export const ENDED = 2;
export const SLOT_LENGTH = 4;

/** Numbers of `Parts.control`. */
export function controlLength(threads: number, queueLength: number, places: number): number {
  return STATES + threads + queueLength + places;
}

/** Where a thread says what its state is. */
export function stateOf(thread: number): number {
  return STATES + thread;
}

/** Where the queue holds entry number `count`. */
export function queueEntry({ threads, queueLength }: Pick<Parts, 'threads' | 'queueLength'>, count: number): number {
  return STATES + threads + (count & (queueLength - 1));
}

/** Where it says whether the part in a place is done. */
export function doneOf({ threads, queueLength }: Pick<Parts, 'threads' | 'queueLength'>, place: number): number {
  return STATES + threads + queueLength + place;
}

/** Claims a part and runs it; false where all that are published are claimed. */
export function runNextPart(parts: Parts): boolean {
  const { control, slots, kernels, thread } = parts;
  const claimed = Atomics.load(control, CLAIMED);
  if (claimed === Atomics.load(control, PUBLISHED)) return false;
  // Read before the claim: after it the queue's entry may be used again.
  const place = Atomics.load(control, queueEntry(parts, claimed));
  if (Atomics.compareExchange(control, CLAIMED, claimed, (claimed + 1) | 0) !== claimed) return true;
  const at = place * SLOT_LENGTH;
  const kernel = kernels[slots[at] as number] as KernelFunction;
  kernel(slots[at + 1] as number, (slots[at + 2] as number) + thread * (slots[at + 3] as number));
  Atomics.store(control, doneOf(parts, place), 1);
  return true;
}
