import { SLACK } from './schema.js';

const PAGE = 65536;
/** wasm32 addresses 4 GiB; engines refuse the last page. */
const MAX_BYTES = 65535 * PAGE;
const ALIGNMENT = 64;
/** Growing takes more than is needed, so that calls of a little more do not grow it again: bytes, or a share of the memory. */
const MIN_HEADROOM = 1024 * 1024;
const HEADROOM_SHARE = 16;

/** Most pages that the kernels declare, and what may be left of them where a host refuses to set so much aside. */
const PAGE_LIMITS = [65535, 32768];
/** Fewest that an engine starts with. */
const FEWEST_PAGES = 16384;

/** A range of memory that nothing uses, in bytes. */
export interface FreeRange {
  readonly start: number;
  readonly end: number;
}

/** Where the arrays of one allocation lie: `at` those of the call, `places` those of each of its places. */
export interface Layout<K extends string, P extends string> {
  readonly at: Readonly<Record<K, number>>;
  readonly places: readonly Readonly<Record<P, number>>[];
}

/**
 * The linear memory of one engine and what is allocated in it. It grows where nothing free is large enough; no host
 * takes pages back before the memory is dropped.
 */
export class KernelMemory {
  /** Free ranges by their starts; no two touch. */
  #free: FreeRange[] = [];
  /** Bytes of every allocation, by its pointer. */
  readonly #allocated = new Map<number, number>();
  #end: number;
  /** Every buffer that a shared memory has had: they stay valid when it grows. */
  readonly #buffers: WeakSet<ArrayBufferLike> | undefined;
  #buffer: ArrayBufferLike;
  #floats: Float32Array;
  #integers: Int32Array;

  /** `heapBase`: first byte that the kernels leave to their caller. */
  constructor(
    readonly wasm: WebAssembly.Memory,
    heapBase: number,
  ) {
    this.#end = align(heapBase);
    this.#buffer = wasm.buffer;
    this.#buffers = wasm.buffer instanceof ArrayBuffer ? undefined : new WeakSet([wasm.buffer]);
    this.#floats = new Float32Array(wasm.buffer);
    this.#integers = new Int32Array(wasm.buffer);
  }

  /** A memory that a kernel module can import. @throws RangeError where the host has none to give. */
  static create(isShared: boolean): WebAssembly.Memory {
    const limited = (maximum: number) => new WebAssembly.Memory({ initial: 1, maximum, shared: isShared });
    for (const maximum of PAGE_LIMITS) {
      try {
        return limited(maximum);
      } catch {
        // The host sets the maximum aside, and may have less.
      }
    }
    return limited(FEWEST_PAGES);
  }

  /** The buffer that the memory has now; growing replaces it. */
  get buffer(): ArrayBufferLike {
    this.#refresh();
    return this.#buffer;
  }

  /** Whether an array is a view of this memory, made now or before it grew. */
  holds(data: ArrayBufferView): boolean {
    return data.buffer === this.buffer || (this.#buffers?.has(data.buffer) ?? false);
  }

  /** Bytes that the memory has grown to. */
  get byteLength(): number {
    return this.wasm.buffer.byteLength;
  }

  /** Bytes that are allocated. */
  get allocatedBytes(): number {
    let sum = 0;
    for (const bytes of this.#allocated.values()) sum += bytes;
    return sum;
  }

  /** What no allocation uses, up to the memory's end. */
  get freeRanges(): readonly FreeRange[] {
    return [...this.#free, { start: this.#end, end: this.byteLength }];
  }

  /**
   * A pointer to `bytes` and the slack behind them, which are the caller's until `free`. They hold whatever was there.
   * @throws RangeError where memory cannot grow so far.
   */
  allocate(bytes: number): number {
    const size = align(bytes + SLACK);
    // The smallest that fits: large ranges stay whole for large arrays.
    let best: FreeRange | undefined;
    for (const range of this.#free) {
      const length = range.end - range.start;
      if (length >= size && (!best || length < best.end - best.start)) best = range;
    }
    const pointer = best ? this.#take(best, size) : this.#extend(size);
    this.#allocated.set(pointer, size);
    return pointer;
  }

  /** Gives an allocation back. @throws Error for what is none. */
  free(pointer: number): void {
    const size = this.#allocated.get(pointer);
    if (size === undefined) throw new Error(`kernel memory expected a pointer of "allocate", got ${pointer}`);
    this.#allocated.delete(pointer);
    let [start, end] = [pointer, pointer + size];
    let at = 0;
    while (at < this.#free.length && (this.#free[at] as FreeRange).end < start) at++;
    let touching = 0;
    for (let range = this.#free[at]; range && range.start <= end; range = this.#free[at + ++touching]) {
      start = Math.min(start, range.start);
      end = Math.max(end, range.end);
    }
    if (end === this.#end) {
      this.#free.splice(at, touching);
      this.#end = start;
    } else this.#free.splice(at, touching, { start, end });
  }

  /**
   * One allocation for arrays of `sizes` bytes and of `sizesOfPlace` in each of so many places; 0 for size 0. Its
   * `pointer` frees all of them.
   * @throws RangeError where memory cannot grow so far.
   */
  allocateArrays<K extends string, P extends string = never>(
    sizes: Readonly<Record<K, number>>,
    sizesOfPlace = {} as Readonly<Record<P, number>>,
    places = 1,
  ): Layout<K, P> & { readonly pointer: number } {
    const pointer = this.allocate(bytesOf(sizes) + places * bytesOf(sizesOfPlace));
    let next = pointer;
    const place = <N extends string>(requested: Readonly<Record<N, number>>): Record<N, number> => {
      const pointers = {} as Record<N, number>;
      for (const name in requested) {
        const bytes = requested[name];
        pointers[name] = bytes === 0 ? 0 : next;
        if (bytes !== 0) next += align(bytes + SLACK);
      }
      return pointers;
    };
    const at = place(sizes);
    const layouts: Record<P, number>[] = [];
    for (let i = 0; i < places; i++) layouts.push(place(sizesOfPlace));
    return { pointer, at, places: layouts };
  }

  /** All of the memory as float32, until it grows. */
  get float32(): Float32Array {
    this.#refresh();
    return this.#floats;
  }

  /** All of the memory as int32, until it grows. */
  get int32(): Int32Array {
    this.#refresh();
    return this.#integers;
  }

  /** A view of `length` floats; it detaches when memory grows. */
  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.buffer, pointer, length);
  }

  /** A view of `length` float64 numbers; it detaches when memory grows. */
  doubles(pointer: number, length: number): Float64Array {
    return new Float64Array(this.buffer, pointer, length);
  }

  /** A view of `length` half-precision numbers' bits; it detaches when memory grows. */
  halves(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.buffer, pointer, length);
  }

  /** A view of `length` int8 numbers; it detaches when memory grows. */
  bytes(pointer: number, length: number): Int8Array {
    return new Int8Array(this.buffer, pointer, length);
  }

  /** A view of `length` int32 numbers; it detaches when memory grows. */
  integers(pointer: number, length: number): Int32Array {
    return new Int32Array(this.buffer, pointer, length);
  }

  #refresh(): void {
    const { buffer } = this.wasm;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#buffers?.add(buffer);
    this.#floats = new Float32Array(buffer);
    this.#integers = new Int32Array(buffer);
  }

  #take(range: FreeRange, size: number): number {
    const at = this.#free.indexOf(range);
    const rest = { start: range.start + size, end: range.end };
    if (rest.start === rest.end) this.#free.splice(at, 1);
    else this.#free[at] = rest;
    return range.start;
  }

  #extend(size: number): number {
    const start = this.#end;
    const end = start + size;
    if (end > this.byteLength) this.#grow(end);
    this.#end = end;
    return start;
  }

  #grow(end: number): void {
    if (end > MAX_BYTES) throw outOfMemory(end);
    const needed = Math.ceil((end - this.byteLength) / PAGE);
    const headroom = Math.max(MIN_HEADROOM, this.byteLength / HEADROOM_SHARE) / PAGE;
    for (const pages of [needed + Math.ceil(headroom), needed]) {
      try {
        this.wasm.grow(pages);
        return;
      } catch {
        // The host, or the memory's maximum, may still allow what is needed.
      }
    }
    throw outOfMemory(end);
  }
}

/** Bytes of arrays and the slack behind each. */
function bytesOf(sizes: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const name in sizes) if (sizes[name] !== 0) sum += align((sizes[name] as number) + SLACK);
  return sum;
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function outOfMemory(bytes: number): RangeError {
  return new RangeError(
    `kernel memory expected to grow to ${bytes} bytes, got no more than wasm32 and this host allow`,
  );
}
