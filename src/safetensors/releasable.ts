import type { TensorLike } from '../tensor/tensor.js';

/** What TypeScript's library of ES2023 lacks. */
interface ResizableConstructor {
  new (length: number, options: { readonly maxByteLength: number }): ArrayBuffer & { resize(length: number): void };
}

/** Below this a buffer of its own would take more than its bytes. */
const SMALLEST = 65536;

/** Buffers made here, which nobody outside this library has. */
const releasable = new WeakSet<ArrayBufferLike>();

/**
 * Bytes whose memory goes back to the host when they are released, and not when it next collects garbage: by then the
 * kernel's memory may have grown beside them. Where buffers cannot be resized, they are left to the host.
 */
export function releasableBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length < SMALLEST || !('resize' in ArrayBuffer.prototype)) return new Uint8Array(length);
  const buffer = new (ArrayBuffer as unknown as ResizableConstructor)(length, { maxByteLength: length });
  releasable.add(buffer);
  return new Uint8Array(buffer, 0, length);
}

/** Releases a tensor's elements if they are `releasableBytes`; a tensor of anybody else's stays as it is. */
export function releaseElements({ data }: Pick<TensorLike, 'data'>): void {
  const { buffer } = data as unknown as ArrayBufferView;
  if (releasable.has(buffer)) (buffer as ArrayBuffer & { resize(length: number): void }).resize(0);
}
