import type { KernelArgs, KernelName } from './kernelExports.js';

/**
 * A kernel's work in parts, which threads share. The caller's thread enters and leaves them, in any order; a part in work
 * has one of `Kernel.placesFor` places for its arrays to itself.
 */
export interface Job<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly parts: number;
  /** Pointer to scratch for every thread, and its bytes for one. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Copies a part's inputs to its place and returns the kernel's arguments, without scratch. */
  enter(part: number, place: number): KernelArgs<K>;
  /** Takes a part's results. */
  leave(part: number, place: number): void;
}
