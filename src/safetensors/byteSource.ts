import type { FileHandle } from 'node:fs/promises';

/** The bytes of a file from front to back. */
export interface ByteSource {
  /** Fills `target` with the next bytes; returns how many there were, fewer than asked for at the end alone. */
  fill(target: Uint8Array): Promise<number>;
  /** Ends the reading, wherever it is. */
  close(): Promise<void>;
}

/** What is read at once from a stream that fills the reader's memory. */
const READ_AT_ONCE = 65536;

/** The bytes of a stream, which is asked for more only when they are needed. */
export function streamSource(stream: ReadableStream<Uint8Array>): ByteSource {
  const { read, close } = readerOf(stream);
  let left: Uint8Array = new Uint8Array();
  return {
    async fill(target) {
      let filled = 0;
      while (filled < target.length) {
        if (left.length === 0) {
          const { done, value } = await read();
          if (done) break;
          left = value;
        }
        const part = left.subarray(0, target.length - filled);
        target.set(part, filled);
        left = left.subarray(part.length);
        filled += part.length;
      }
      return filled;
    },
    close,
  };
}

/**
 * A stream of bytes fills one buffer over and over: parts of its own, of 4 KiB in workerd, stay until the host collects
 * garbage, which may be when all of a model has come.
 */
function readerOf(stream: ReadableStream<Uint8Array>) {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: 'byob' });
  } catch {
    const parts = stream.getReader();
    return { read: () => parts.read(), close: () => parts.cancel() };
  }
  let buffer = new ArrayBuffer(READ_AT_ONCE);
  return {
    async read() {
      const result = await reader.read(new Uint8Array(buffer));
      if (result.value) buffer = result.value.buffer;
      return result;
    },
    close: () => reader.cancel(),
  };
}

/** The bytes of a file that is open. */
export function fileSource(handle: FileHandle): ByteSource {
  return {
    async fill(target) {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await handle.read(target, filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    close: () => handle.close(),
  };
}

/** All that is left. @throws RangeError for more than `most` bytes. */
export async function readToEnd(source: ByteSource, most: number): Promise<Uint8Array> {
  let bytes = new Uint8Array(65536);
  for (let length = 0; ; ) {
    length += await source.fill(bytes.subarray(length));
    if (length < bytes.length) return bytes.subarray(0, length);
    if (length > most) throw new RangeError(`expected at most ${most} bytes, got more`);
    const longer = new Uint8Array(2 * bytes.length);
    longer.set(bytes);
    bytes = longer;
  }
}
