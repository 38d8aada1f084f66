/**
 * How threads share a job. The caller's thread writes a part's kernel and arguments to its place's slot in the shared
 * memory, the place to the queue, and counts `PUBLISHED` up; whichever thread counts `CLAIMED` up next runs the part, with
 * scratch of its own, and marks the place as done. Counts wrap around at 2³², which the length of the queue divides.
 */
export interface Parts {
  /** `PUBLISHED`, `CLAIMED`, `AWAITED`, then the queue's places, then for each place whether its part is done. */
  readonly control: Int32Array;
  readonly queueLength: number;
  /** `SLOT_LENGTH` numbers for each place: kernel, argument count, scratch, scratch of the next thread, arguments. */
  readonly slots: Float64Array;
  readonly kernels: readonly ((...args: number[]) => void)[];
  /** Of this thread, 0 for the caller's. */
  readonly thread: number;
}

export const PUBLISHED = 0;
export const CLAIMED = 1;
/** 1 while the caller's thread sleeps and wants to hear of a part that is done. */
export const AWAITED = 2;
export const QUEUE = 3;
export const SLOT_LENGTH = 32;
export const SLOT_ARGS = 4;

/** Claims a part and runs it; false where all that are published are claimed. */
export function runNextPart({ control, queueLength, slots, kernels, thread }: Parts): boolean {
  const claimed = Atomics.load(control, CLAIMED);
  if (claimed === Atomics.load(control, PUBLISHED)) return false;
  // Read before the claim: after it the queue's entry may be used again.
  const place = Atomics.load(control, QUEUE + (claimed & (queueLength - 1)));
  if (Atomics.compareExchange(control, CLAIMED, claimed, (claimed + 1) | 0) !== claimed) return true;
  const at = place * SLOT_LENGTH;
  const kernel = kernels[slots[at] as number] as (...args: number[]) => void;
  const scratch = (slots[at + 2] as number) + thread * (slots[at + 3] as number);
  kernel(...slots.subarray(at + SLOT_ARGS, at + SLOT_ARGS + (slots[at + 1] as number)), scratch);
  Atomics.store(control, QUEUE + queueLength + place, 1);
  return true;
}
