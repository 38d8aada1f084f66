/**
 * How threads share a job. The caller's thread writes each part's kernel and arguments to a slot in the shared memory
 * and counts `PUBLISHED` up; whichever thread counts `CLAIMED` up next runs the part, with scratch of its own, and
 * leaves the new count in the slot's `DONE`. Counts wrap around at 2³², so the number of slots is a power of two.
 */
export interface Parts {
  /** `PUBLISHED`, `CLAIMED`, `AWAITED`, then `DONE` of every slot. */
  readonly control: Int32Array;
  /** `SLOT_LENGTH` numbers for each slot: kernel, argument count, scratch, scratch of the next thread, arguments. */
  readonly slots: Float64Array;
  readonly kernels: readonly ((...args: number[]) => void)[];
  /** Of this thread, 0 for the caller's. */
  readonly thread: number;
}

export const PUBLISHED = 0;
export const CLAIMED = 1;
/** 1 while the caller's thread sleeps and wants to hear of a part that is done. */
export const AWAITED = 2;
export const DONE = 3;
export const SLOT_LENGTH = 32;
export const SLOT_ARGS = 4;

/** Claims a part and runs it; false where all that are published are claimed. */
export function runNextPart({ control, slots, kernels, thread }: Parts): boolean {
  const claimed = Atomics.load(control, CLAIMED);
  if (claimed === Atomics.load(control, PUBLISHED)) return false;
  const next = (claimed + 1) | 0;
  if (Atomics.compareExchange(control, CLAIMED, claimed, next) !== claimed) return true;
  const slot = claimed & (control.length - DONE - 1);
  const at = slot * SLOT_LENGTH;
  const kernel = kernels[slots[at] as number] as (...args: number[]) => void;
  const scratch = (slots[at + 2] as number) + thread * (slots[at + 3] as number);
  kernel(...slots.subarray(at + SLOT_ARGS, at + SLOT_ARGS + (slots[at + 1] as number)), scratch);
  Atomics.store(control, DONE + slot, next);
  return true;
}
