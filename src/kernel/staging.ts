import type { CheckedTensor } from '../tensor/check.js';
import { type FloatData, isArray, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import type { KernelCore } from './core.js';
import { KernelTensor } from './kernelTensor.js';
import type { KernelMemory } from './memory.js';
import { CONSTANTS } from './schema.js';

/** Element types as kernels number them. */
export const ELEMENT_TYPES = {
  float32: CONSTANTS.FLOAT32,
  float16: CONSTANTS.FLOAT16,
  bfloat16: CONSTANTS.BFLOAT16,
} as const;

/** Where a tensor's elements lie: at an address of kernel memory, or in an array of JavaScript's. */
interface Place {
  /** Undefined outside kernel memory. */
  readonly pointer: number | undefined;
  /** Elements `[start, start + length)`, as they are now. */
  elements(start: number, length: number): FloatData;
}

/** @throws Error where the tensor was disposed of. */
function placeOf(core: KernelCore, tensor: CheckedTensor): Place {
  const { memory } = core;
  const { data } = tensor;
  const pointer = KernelTensor.pointerOf(core, tensor.source) ?? (memory.holds(data) ? data.byteOffset : undefined);
  if (pointer === undefined) {
    return {
      pointer,
      elements(start, length) {
        // Read anew for every part: the tensor may lie in the memory of another engine, which may grow meanwhile.
        const { data } = tensor;
        return start === 0 && length === data.length ? data : data.subarray(start, start + length);
      },
    };
  }
  const view = isArray(data, 'Float32Array')
    ? (start: number, length: number) => memory.floats(pointer + 4 * start, length)
    : isArray(data, 'Float64Array')
      ? (start: number, length: number) => memory.doubles(pointer + 8 * start, length)
      : (start: number, length: number) => memory.halves(pointer + 2 * start, length);
  return { pointer, elements: view };
}

/** A tensor as kernels get it: float32 in the kernel's memory, where it lies or copied there part by part. */
export interface KernelInput {
  /** Bytes of working memory for parts of `length` elements; 0 where the tensor lies in the kernel's memory or is none. */
  bytes(length: number): number;
  /** The pointer to elements `[start, start + length)`: where they lie, or `pointer`, copied there. 0 without a tensor. */
  enter(pointer: number, start: number, length: number): number;
}

/** @throws Error where the tensor was disposed of. */
export function kernelInput(core: KernelCore, tensor: CheckedTensor | undefined): KernelInput {
  if (!tensor) return { bytes: () => 0, enter: () => 0 };
  const { memory, exports } = core;
  const { pointer: base, elements } = placeOf(core, tensor);
  const { type } = tensor;
  if (base !== undefined && type === 'float32') return { bytes: () => 0, enter: (_, start) => base + 4 * start };
  if (type === 'float16' || type === 'bfloat16') {
    return {
      bytes: (length) => 4 * length,
      enter(pointer, start, length) {
        // The bits go to the second half of their place, from where they widen forwards.
        const bits = pointer + 2 * length;
        memory.halves(bits, length).set(elements(start, length));
        exports.widenHalf(ELEMENT_TYPES[type], bits, pointer, length);
        return pointer;
      },
    };
  }
  return {
    bytes: (length) => 4 * length,
    enter(pointer, start, length) {
      memory.float32.set(elements(start, length), pointer / 4);
      return pointer;
    },
  };
}

/** Where a kernel writes float32: into a tensor, if that lies in the kernel's memory, or beside it to be copied there. */
export interface KernelOutput {
  bytes(length: number): number;
  /** The pointer to write elements from `start` on to. */
  place(pointer: number, start: number): number;
  /** Copies what was written at `pointer` to the tensor, rounded to its type. */
  leave(pointer: number, start: number, length: number): void;
}

/** @throws Error where the tensor was disposed of. */
export function kernelOutput(core: KernelCore, tensor: CheckedTensor): KernelOutput {
  const { memory, exports } = core;
  const { pointer: base, elements } = placeOf(core, tensor);
  const { type } = tensor;
  if (base !== undefined && type === 'float32') {
    return { bytes: () => 0, place: (_, start) => base + 4 * start, leave() {} };
  }
  return {
    bytes: (length) => 4 * length,
    place: (pointer) => pointer,
    leave(pointer, start, length) {
      const target = elements(start, length);
      if (type === 'float16' || type === 'bfloat16') {
        exports.narrowHalf(ELEMENT_TYPES[type], pointer, pointer, length);
        target.set(memory.halves(pointer, length));
      } else target.set(memory.floats(pointer, length));
    },
  };
}

/** Lines of an image as kernels get them: where they lie in the kernel's memory, or copied there one by one. */
export interface ImageLines {
  /** Bytes of working memory for a line; 0 where the image lies in the kernel's memory. */
  readonly stagedBytes: number;
  /** The pointer to a line, half-precision bits as they are: where it lies, or the `slot`-th place from `pointer` on. */
  enter(line: number, pointer: number, slot: number): number;
  /** The same, as float32 whatever the image's type. */
  enterFloats(line: number, pointer: number, slot: number): number;
}

/** `lineLength`: elements of a line. @throws Error where the image was disposed of. */
export function imageLines(core: KernelCore, image: CheckedTensor, lineLength: number): ImageLines {
  const { memory } = core;
  const { pointer: base, elements } = placeOf(core, image);
  const { type } = image;
  if (base !== undefined && type === 'float32') {
    const enter = (line: number) => base + 4 * line * lineLength;
    return { stagedBytes: 0, enter, enterFloats: enter };
  }
  const floats = kernelInput(core, image);
  const stagedBytes = floats.bytes(lineLength);
  const enterFloats = (line: number, pointer: number, slot: number) =>
    floats.enter(pointer + slot * stagedBytes, line * lineLength, lineLength);
  if (type !== 'float16' && type !== 'bfloat16') return { stagedBytes, enter: enterFloats, enterFloats };
  return {
    stagedBytes,
    enter(line, pointer, slot) {
      const at = pointer + slot * stagedBytes;
      memory.halves(at, lineLength).set(elements(line * lineLength, lineLength));
      return at;
    },
    enterFloats,
  };
}

/** The element type of lines as `ImageLines.enter` leaves them. */
export function typeOfLines({ type }: CheckedTensor): number {
  return type === 'float64' ? CONSTANTS.FLOAT32 : ELEMENT_TYPES[type];
}

/** Where lines of an image go: to their places in the kernel's memory, or beside them to be copied there. */
export interface OutputLines {
  /** Bytes of working memory for a line; 0 where the image lies in the kernel's memory. */
  readonly stagedBytes: number;
  /** The pointer to write a line to: its place, or the `slot`-th from `pointer` on. */
  place(line: number, pointer: number, slot: number): number;
  /** Copies the lines at `pointer`, one a slot, to their places; those of padding are dropped. */
  leave(pointer: number, lines: readonly (number | undefined)[]): void;
}

/** `lineLength`: elements of a line. @throws Error where the image was disposed of. */
export function outputLines(core: KernelCore, image: CheckedTensor, lineLength: number): OutputLines {
  const output = kernelOutput(core, image);
  // Lines are rounded four elements at a time, beyond the end of one.
  const stagedBytes = output.bytes(Math.ceil(lineLength / 4) * 4);
  return {
    stagedBytes,
    place: (line, pointer, slot) => output.place(pointer + slot * stagedBytes, line * lineLength),
    leave(pointer, lines) {
      if (stagedBytes === 0) return;
      lines.forEach((line, slot) => {
        if (line !== undefined) output.leave(pointer + slot * stagedBytes, line * lineLength, lineLength);
      });
    },
  };
}

/** Bytes of kernels' logit factors, one float64 a head; 0 without a logit scale. */
export function logitFactorBytes(logitScale: TensorLike | undefined): number {
  return 8 * (logitScale?.data.length ?? 0);
}

/** Writes `factorOf` each head's logit scale to `pointer`. */
export function writeLogitFactors(
  memory: KernelMemory,
  logitScale: TensorLike | undefined,
  pointer: number,
  factorOf: (logitScale: number) => number,
): void {
  if (!logitScale) return;
  const factors = toFloat64(logitScale).map(factorOf);
  memory.doubles(pointer, factors.length).set(factors);
}

/** Whether two tensors share memory. */
export function overlaps(core: KernelCore | undefined, a: CheckedTensor, b: CheckedTensor): boolean {
  const [x, y] = [extentOf(core, a), extentOf(core, b)];
  return x.memory === y.memory && x.start < y.end && y.start < x.end;
}

function extentOf(core: KernelCore | undefined, { data }: CheckedTensor) {
  // The views of a memory that grew have several buffers.
  const memory = core?.memory.holds(data) ? core.memory : data.buffer;
  return { memory, start: data.byteOffset, end: data.byteOffset + data.byteLength };
}
