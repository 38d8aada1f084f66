import type { KernelCore } from 'flash-window-attention/internals';
import type { BenchExports } from './standard.js';

/** A square image of whole windows, and how its attention cuts it. */
export interface ImageShape {
  readonly size: number;
  readonly C: number;
  readonly numHeads: number;
  readonly window: number;
  readonly shift: number;
}

/** An image's way to windows and back as frameworks have it, each step a copy of its own, in an engine's memory. */
export class ImageCopies {
  /** (windows, numHeads, L, D) each. */
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly o: number;
  readonly windows: number;
  readonly L: number;
  readonly D: number;
  readonly #first: number;
  readonly #second: number;

  /** `kernel`: on the memory of `core`. */
  constructor(
    core: KernelCore,
    private readonly kernel: BenchExports,
    private readonly image: ImageShape,
  ) {
    const { size, C, numHeads, window } = image;
    const length = size * size * C;
    this.windows = (size / window) ** 2;
    this.L = window ** 2;
    this.D = C / numHeads;
    this.#first = core.memory.allocate(4 * 3 * length);
    this.#second = core.memory.allocate(4 * 3 * length);
    this.q = core.memory.allocate(4 * 3 * length);
    this.k = this.q + 4 * length;
    this.v = this.k + 4 * length;
    this.o = core.memory.allocate(4 * length);
  }

  /** Image of q|k|v → roll → partition → permute → `q`, `k`, `v`. */
  split(qkv: number): void {
    const { size, C, numHeads, window, shift } = this.image;
    const { kernel } = this;
    if (shift > 0) kernel.roll(qkv, size, 3 * C, size - shift, this.#first);
    kernel.windowPartition(shift > 0 ? this.#first : qkv, size, 3 * C, window, this.#second);
    kernel.permuteHeads(this.#second, this.windows, this.L, 3, numHeads, this.D, this.q);
  }

  /** `o` → permute → reverse → roll → image. */
  merge(to: number): void {
    const { size, C, numHeads, window, shift } = this.image;
    const { kernel } = this;
    kernel.mergeHeads(this.o, this.windows, this.L, numHeads, this.D, this.#first);
    kernel.windowReverse(this.#first, size, C, window, shift > 0 ? this.#second : to);
    if (shift > 0) kernel.roll(this.#second, size, C, shift, to);
  }
}
