import type { TensorLike } from '../tensor/tensor.js';

/** What TypeScript's library of ES2023 lacks. */
interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}
interface ResizableConstructor {
  new (length: number, options: { readonly maxByteLength: number }): ResizableBuffer;
}

/** Below this a buffer of its own would take more than its bytes. */
const SMALLEST = 65536;

/** Buffers made here, which nobody outside this library has, and what happens when they are released. */
const releasable = new WeakMap<ArrayBufferLike, () => void>();

/**
 * Bytes whose memory goes back to the host when they are released, and not when it next collects garbage: by then the
 * kernel's memory may have grown beside them. Where buffers cannot be resized, they are left to the host.
 */
export function releasableBytes(length: number): Uint8Array<ArrayBuffer> {
  if (!isResizable(length)) return new Uint8Array(length);
  const buffer = resizableBuffer(length, length);
  releasable.set(buffer, () => buffer.resize(0));
  return new Uint8Array(buffer, 0, length);
}

/** Releases a tensor's elements if they were made here; a tensor of anybody else's stays as it is. */
export function releaseElements({ data }: Pick<TensorLike, 'data'>): void {
  releasable.get((data as unknown as ArrayBufferView).buffer)?.();
}

/**
 * Releasable bytes for one tensor after another: those of a tensor that is released before the next one comes serve that
 * one, too. New memory for each made loading take a fifth longer.
 */
export class BytesInTurn {
  #current: { readonly buffer: ResizableBuffer; length: number; isReleased: boolean } | undefined;

  /** `largest`: the most that `take` will be asked for. */
  constructor(private readonly largest: number) {}

  take(length: number): Uint8Array<ArrayBuffer> {
    if (!isResizable(length)) return new Uint8Array(length);
    const { buffer } = this.#current?.isReleased ? this.#current : this.#renew(length);
    if (buffer.byteLength < length) buffer.resize(length);
    this.#current = { buffer, length, isReleased: false };
    return new Uint8Array(buffer, 0, length);
  }

  /** Gives back what is released. */
  close(): void {
    this.#leave();
    this.#current = undefined;
  }

  #renew(length: number): { readonly buffer: ResizableBuffer } {
    this.#leave();
    const buffer = resizableBuffer(length, this.largest);
    releasable.set(buffer, () => {
      if (this.#current?.buffer === buffer) this.#current.isReleased = true;
      else buffer.resize(0);
    });
    return { buffer };
  }

  /** Leaves the current buffer to its tensor, as long as that. */
  #leave(): void {
    if (this.#current) this.#current.buffer.resize(this.#current.isReleased ? 0 : this.#current.length);
  }
}

function isResizable(length: number): boolean {
  return length >= SMALLEST && 'resize' in ArrayBuffer.prototype;
}

function resizableBuffer(length: number, maxByteLength: number): ResizableBuffer {
  return new (ArrayBuffer as unknown as ResizableConstructor)(length, { maxByteLength });
}
