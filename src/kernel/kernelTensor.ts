import { product, type Tensor } from '../tensor/tensor.js';
import type { KernelCore } from './core.js';

/**
 * A float32 tensor in an engine's memory, its own until `dispose`. Memory that grows detaches every view of it, so that
 * `data` makes a new view then: keep the tensor, not its `data`.
 */
export class KernelTensor implements Tensor<Float32Array> {
  readonly type = 'float32';
  readonly dims: readonly number[];
  readonly #core: KernelCore;
  readonly #length: number;
  #pointer: number | undefined;
  #view: Float32Array | undefined;

  /** @throws RangeError where memory cannot grow so far. */
  constructor(core: KernelCore, dims: readonly number[]) {
    this.dims = dims;
    this.#core = core;
    this.#length = product(dims);
    this.#pointer = core.memory.allocate(4 * this.#length);
    this.data.fill(0);
  }

  /** Where `value` lies in the memory of `core`, if it is a tensor there. @throws Error where it was disposed of. */
  static pointerOf(core: KernelCore, value: object): number | undefined {
    if (!(#core in value) || value.#core !== core) return undefined;
    return value.#live();
  }

  /** @throws Error where the tensor, or its engine, was disposed of. */
  get data(): Float32Array {
    const pointer = this.#live();
    const { memory } = this.#core;
    if (this.#view?.buffer !== memory.buffer) this.#view = memory.floats(pointer, this.#length);
    return this.#view;
  }

  /** Frees the memory once no call runs that may use it. A second call does nothing. */
  dispose(): void {
    const pointer = this.#pointer;
    if (pointer === undefined) return;
    this.#pointer = undefined;
    this.#view = undefined;
    this.#core.release(pointer);
  }

  #live(): number {
    if (this.#pointer === undefined) throw new Error('this tensor was disposed');
    // A closed engine has no memory.
    if (!this.#core.hasMemory) throw new Error('this tensor was disposed, with its WindowAttention');
    return this.#pointer;
  }
}
