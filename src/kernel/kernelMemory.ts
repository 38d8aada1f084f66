import { product, type Tensor, type TensorLike } from '../tensor/tensor.js';

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
  #hasTensors = false;
  #heap: Float32Array;
  /** End of the working arrays in use. */
  #workTop = 0;

  constructor(
    private readonly memory: WebAssembly.Memory,
    heapBase: number,
  ) {
    this.#top = align(heapBase);
    this.#heap = new Float32Array(memory.buffer);
  }

  /** Bytes that the memory has grown to. */
  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  /** Whether tensors in this memory were handed out, whose views outlive its use. */
  get hasTensors(): boolean {
    return this.#hasTensors;
  }

  /** A tensor of zeros that stays until the memory is dropped. @throws RangeError where memory cannot grow so far. */
  tensor(dims: readonly number[]): Tensor<Float32Array> {
    const length = product(dims);
    const pointer = this.reserve(4 * length);
    this.floats(pointer, length).fill(0);
    this.#hasTensors = true;
    return new KernelTensor(dims, this.memory, pointer, length);
  }

  /** A pointer to `bytes` that stay until the memory is dropped. @throws RangeError as `tensor` does. */
  reserve(bytes: number): number {
    const pointer = Math.max(this.#top, this.#workTop);
    this.#top = this.#grow(pointer + bytes);
    return pointer;
  }

  /**
   * Pointers to working arrays of `sizes` bytes, and of `sizesOfPlace` in each of so many places; 0 for size 0. They are
   * the caller's until `release`.
   * @throws RangeError where memory cannot grow so far.
   */
  work<K extends string, P extends string = never>(
    sizes: Record<K, number>,
    sizesOfPlace = {} as Record<P, number>,
    places = 1,
  ): { at: Record<K, number>; places: readonly Record<P, number>[] } {
    let top = Math.max(this.#top, this.#workTop);
    const allot = <N extends string>(requested: Record<N, number>): Record<N, number> => {
      const pointers = {} as Record<N, number>;
      for (const name in requested) {
        if (requested[name] === 0) pointers[name] = 0;
        else {
          pointers[name] = top;
          top = align(top + requested[name] + SLACK);
        }
      }
      return pointers;
    };
    const work = { at: allot(sizes), places: Array.from({ length: places }, () => allot(sizesOfPlace)) };
    this.#workTop = this.#grow(top);
    return work;
  }

  /** What `release` takes to free the working arrays made since. */
  mark(): number {
    return this.#workTop;
  }

  /** Ends the use of the working arrays made since `mark`. */
  release(mark: number): void {
    this.#workTop = mark;
  }

  /** Writes `length` elements of `values` from `start` on as floats. */
  write(pointer: number, values: Float32Array | Float64Array, start: number, length: number): void {
    if (this.#heap.buffer !== this.memory.buffer) this.#heap = new Float32Array(this.memory.buffer);
    const isWhole = start === 0 && length === values.length;
    this.#heap.set(isWhole ? values : values.subarray(start, start + length), pointer / 4);
  }

  /** A view of `length` floats; it detaches when memory grows. */
  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }

  /** A view of `length` float64 numbers; it detaches when memory grows. */
  doubles(pointer: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, pointer, length);
  }

  /** A view of `length` half-precision numbers' bits; it detaches when memory grows. */
  halves(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, pointer, length);
  }

  /** A view of `length` int32 numbers; it detaches when memory grows. */
  integers(pointer: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, pointer, length);
  }

  /** Where a tensor lies in this memory, if it does. */
  pointerOf(tensor: TensorLike | undefined): number | undefined {
    return tensor && this.holds(tensor.data) ? tensor.data.byteOffset : undefined;
  }

  /** Whether `data` lies in this memory, where the kernel can use it without a copy. */
  holds(data: ArrayLike<unknown>): data is Float32Array {
    return data instanceof Float32Array && data.buffer === this.memory.buffer;
  }

  #grow(end: number): number {
    const top = align(end + SLACK);
    if (top > MAX_BYTES) throw outOfMemory(top);
    const missing = Math.ceil((top - this.byteLength) / PAGE);
    if (missing <= 0) return top;
    try {
      this.memory.grow(missing);
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
