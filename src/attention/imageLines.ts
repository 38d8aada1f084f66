import type { KernelMemory } from '../kernel/kernelMemory.js';
import { type TensorLike, widen } from '../tensor/tensor.js';

/** Lines of an image as kernels get them: where they lie in the kernel's memory, or copied there one by one. */
export interface ImageLines {
  /** Bytes of working memory for a line; 0 where the image lies in the kernel's memory. */
  readonly stagedBytes: number;
  /** The pointer to a line, half-precision bits as they are: where it lies, or the `slot`-th place from `pointer` on. */
  enter(line: number, pointer: number, slot: number): number;
  /** The same, as float32 whatever the image's type. */
  enterFloats(line: number, pointer: number, slot: number): number;
}

/** `lineLength`: elements of a line. To be called before memory grows, which detaches the arrays in it. */
export function imageLines(memory: KernelMemory, image: TensorLike, lineLength: number): ImageLines {
  const base = memory.pointerOf(image);
  if (base !== undefined) {
    const enter = (line: number) => base + 4 * line * lineLength;
    return { stagedBytes: 0, enter, enterFloats: enter };
  }
  const { data } = image;
  const stagedBytes = 4 * lineLength;
  const enterFloats = (line: number, pointer: number, slot: number) => {
    const at = pointer + slot * stagedBytes;
    widen(image, memory.floats(at, lineLength), line * lineLength);
    return at;
  };
  if (!(data instanceof Uint16Array)) return { stagedBytes, enter: enterFloats, enterFloats };
  return {
    stagedBytes,
    enter(line, pointer, slot) {
      const at = pointer + slot * stagedBytes;
      memory.halves(at, lineLength).set(data.subarray(line * lineLength, (line + 1) * lineLength));
      return at;
    },
    enterFloats,
  };
}

/** Where float32 lines of an image go: to their places in the kernel's memory, or beside them to be copied there. */
export interface OutputLines {
  /** Bytes of working memory for a line; 0 where the image lies in the kernel's memory. */
  readonly stagedBytes: number;
  /** The pointer to write a line to: its place, or the `slot`-th from `pointer` on. */
  place(line: number, pointer: number, slot: number): number;
  /** Copies the lines at `pointer`, one a slot, to their places; those of padding are dropped. */
  leave(pointer: number, lines: readonly (number | undefined)[]): void;
}

/** `lineLength`: elements of a line. To be called before memory grows, which detaches the arrays in it. */
export function outputLines(memory: KernelMemory, image: Float32Array, lineLength: number): OutputLines {
  const stagedBytes = 4 * lineLength;
  const base = memory.pointerOf({ data: image, dims: [image.length] });
  if (base !== undefined) {
    return { stagedBytes: 0, place: (line) => base + line * stagedBytes, leave() {} };
  }
  return {
    stagedBytes,
    place: (_, pointer, slot) => pointer + slot * stagedBytes,
    leave(pointer, lines) {
      lines.forEach((line, slot) => {
        if (line === undefined) return;
        image.set(memory.floats(pointer + slot * stagedBytes, lineLength), line * lineLength);
      });
    },
  };
}
