import type { BenchExports } from './sides/standard.js';

/** Hands out arrays in the memory of the benchmarks' wasm, each with the slack that kernels may read. */
export class Arena {
  #top: number;

  constructor(private readonly kernel: BenchExports) {
    this.#top = Math.ceil(kernel.heapBase() / 64) * 64;
  }

  /** The pointer to so many floats; usable once `grow` was called. */
  allocate(floats: number): number {
    const pointer = this.#top;
    this.#top = Math.ceil((pointer + 4 * floats + 64) / 64) * 64;
    return pointer;
  }

  /** Makes the memory as large as everything handed out. */
  grow(): void {
    const { memory } = this.kernel;
    const missing = Math.ceil((this.#top - memory.buffer.byteLength) / 65536);
    if (missing > 0) memory.grow(missing);
  }
}
