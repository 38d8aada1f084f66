import type { TensorLike } from '../tensor/tensor.js';
import type { Kernel } from './kernel.js';

/** Half-precision types as `assembly/half.ts` numbers them. */
export const HALF_TYPES: Readonly<Record<string, number>> = { float16: 1, bfloat16: 2 };

/** A tensor as kernels get it: float32 in the kernel's memory, where it lies or copied there part by part. */
export interface KernelInput {
  /** Bytes of working memory for parts of `length` elements; 0 where the tensor lies in the kernel's memory or is none. */
  bytes(length: number): number;
  /** The pointer to elements `[start, start + length)`: where they lie, or `pointer`, copied there. 0 without a tensor. */
  enter(pointer: number, start: number, length: number): number;
}

/** To be called before memory grows, which detaches the arrays in it. */
export function kernelInput({ exports, memory }: Kernel, tensor: TensorLike | undefined): KernelInput {
  if (!tensor) return { bytes: () => 0, enter: () => 0 };
  const { data, type } = tensor;
  if (memory.holds(data)) {
    const base = data.byteOffset;
    return { bytes: () => 0, enter: (_, start) => base + 4 * start };
  }
  return {
    bytes: (length) => 4 * length,
    enter(pointer, start, length) {
      if (data instanceof Uint16Array) {
        // The bits go to the second half of their place, from where they widen forwards.
        const bits = pointer + 2 * length;
        memory.halves(bits, length).set(data.subarray(start, start + length));
        exports.widenHalf(HALF_TYPES[type ?? ''] as number, bits, pointer, length);
      } else memory.write(pointer, data as Float32Array | Float64Array, start, length);
      return pointer;
    },
  };
}

/** Where results go: float32 and float64 elements, or the bits of half-precision ones of that type. */
export interface OutputData {
  readonly data: Float32Array | Float64Array | Uint16Array;
  readonly type: string;
}

/** Where a kernel writes float32: into `out`, if that lies in the kernel's memory, or beside it to be copied there. */
export interface KernelOutput {
  bytes(length: number): number;
  /** The pointer to write elements from `start` on to. */
  place(pointer: number, start: number): number;
  /** Copies what was written at `pointer` to `out`, rounded to its type. */
  leave(pointer: number, start: number, length: number): void;
}

export function kernelOutput({ exports, memory }: Kernel, { data, type }: OutputData): KernelOutput {
  if (memory.holds(data)) {
    const base = data.byteOffset;
    return { bytes: () => 0, place: (_, start) => base + 4 * start, leave() {} };
  }
  return {
    bytes: (length) => 4 * length,
    place: (pointer) => pointer,
    leave(pointer, start, length) {
      if (data instanceof Uint16Array) {
        exports.narrowHalf(HALF_TYPES[type] as number, pointer, pointer, length);
        data.set(memory.halves(pointer, length), start);
      } else data.set(memory.floats(pointer, length), start);
    },
  };
}
