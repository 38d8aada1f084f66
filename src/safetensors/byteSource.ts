import type { FileHandle } from 'node:fs/promises';

/** The bytes of a file from front to back. */
export interface ByteSource {
  /** Fills `target` with the next bytes; returns how many there were, fewer than asked for at the end alone. */
  fill(target: Uint8Array): Promise<number>;
  /** Ends the reading, wherever it is. */
  close(): Promise<void>;
}

/** The bytes of a stream, which is asked for more only when they are needed. */
export function streamSource(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader();
  let left: Uint8Array = new Uint8Array();
  return {
    async fill(target) {
      let filled = 0;
      while (filled < target.length) {
        if (left.length === 0) {
          const { done, value } = await reader.read();
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

/** All that is left. */
export async function readToEnd(source: ByteSource): Promise<Uint8Array> {
  let bytes = new Uint8Array(65536);
  for (let length = 0; ; ) {
    length += await source.fill(bytes.subarray(length));
    if (length < bytes.length) return bytes.subarray(0, length);
    const longer = new Uint8Array(2 * bytes.length);
    longer.set(bytes);
    bytes = longer;
  }
}
