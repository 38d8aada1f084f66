import { product, type Tensor, type TensorLike } from '../tensor/tensor.js';
import type { KernelExports } from './kernelExports.js';

const PAGE = 65536;
/** wasm32 addresses 4 GiB; engines refuse the last page. */
const MAX_BYTES = 65535 * PAGE;
const ALIGNMENT = 64;
/** Kernels may read this far past an array (`SLACK` in assembly/windowAttention.ts). */
const SLACK = 64;

/**
 * A float32 tensor in the kernel's memory. Memory that grows detaches every view of it, so `data` makes a new view
 * then: keep the tensor, not its `data`.
 */
class KernelTensor implements Tensor<Float32Array> {
  readonly type = 'float32';
  #view: Float32Array;

  constructor(
    readonly dims: readonly number[],
    private readonly memory: WebAssembly.Memory,
    private readonly pointer: number,
    private readonly length: number,
  ) {
    this.#view = new Float32Array(memory.buffer, pointer, length);
  }

  get data(): Float32Array {
    if (this.#view.buffer !== this.memory.buffer) {
      this.#view = new Float32Array(this.memory.buffer, this.pointer, this.length);
    }
    return this.#view;
  }
}

/**
 * The kernel's linear memory: tensors that stay, from the bottom, and above them whatever one call needs.
 * Growing is the only way to get more, and nothing gives pages back before the memory is dropped.
 */
export class KernelMemory {
  #top: number;

  constructor(private readonly kernel: KernelExports) {
    this.#top = align(kernel.heapBase());
  }

  /** A tensor of zeros that stays until the memory is dropped. @throws RangeError where memory cannot grow so far. */
  tensor(dims: readonly number[]): Tensor<Float32Array> {
    const length = product(dims);
    const pointer = this.#top;
    this.#top = this.#reserve(pointer, 4 * length);
    new Float32Array(this.kernel.memory.buffer, pointer, length).fill(0);
    return new KernelTensor(dims, this.kernel.memory, pointer, length);
  }

  /**
   * Pointers to working arrays of these sizes in bytes, valid until the next call; 0 for size 0.
   * @throws RangeError where memory cannot grow so far.
   */
  work<K extends string>(sizes: Record<K, number>): Record<K, number> {
    let top = this.#top;
    const pointers = {} as Record<K, number>;
    for (const name in sizes) {
      if (sizes[name] === 0) pointers[name] = 0;
      else {
        pointers[name] = top;
        top = align(top + sizes[name] + SLACK);
      }
    }
    this.#reserve(top, 0);
    return pointers;
  }

  /** A view of `length` floats; it detaches when memory grows. */
  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.kernel.memory.buffer, pointer, length);
  }

  /** A view of `length` float64 numbers; it detaches when memory grows. */
  doubles(pointer: number, length: number): Float64Array {
    return new Float64Array(this.kernel.memory.buffer, pointer, length);
  }

  /** A view of `length` half-precision numbers' bits; it detaches when memory grows. */
  halves(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.kernel.memory.buffer, pointer, length);
  }

  /** A view of `length` int32 numbers; it detaches when memory grows. */
  integers(pointer: number, length: number): Int32Array {
    return new Int32Array(this.kernel.memory.buffer, pointer, length);
  }

  /** Where a tensor lies in this memory, if it does. */
  pointerOf(tensor: TensorLike | undefined): number | undefined {
    return tensor && this.holds(tensor.data) ? tensor.data.byteOffset : undefined;
  }

  /** Whether `data` lies in this memory, where the kernel can use it without a copy. */
  holds(data: ArrayLike<unknown>): data is Float32Array {
    return data instanceof Float32Array && data.buffer === this.kernel.memory.buffer;
  }

  #reserve(from: number, bytes: number): number {
    const top = align(from + bytes + SLACK);
    if (top > MAX_BYTES) throw outOfMemory(top);
    const missing = Math.ceil((top - this.kernel.memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return top;
    try {
      this.kernel.memory.grow(missing);
    } catch {
      throw outOfMemory(top);
    }
    return top;
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function outOfMemory(bytes: number): RangeError {
  return new RangeError(
    `kernel memory expected to grow to ${bytes} bytes, got no more than wasm32 and this host allow`,
  );
}
