import type { Tensor } from '../tensor/tensor.js';
import type { ByteSource } from './byteSource.js';
import { headerLength, inFileOrder, LENGTH_BYTES, malformed, parseHeader, type TensorEntry } from './header.js';
import { elements } from './readSafetensors.js';
import { BytesInTurn } from './releasable.js';

/** A file whose header has been read, and whose tensors come one by one. */
export interface SafetensorsStream {
  readonly entries: readonly TensorEntry[];
  /** Bytes of the whole file, as its header says. */
  readonly fileLength: number;
  /** The tensors in the order of the file, each in bytes that `releaseElements` releases. To be read once. */
  tensors(): AsyncGenerator<readonly [name: string, tensor: Tensor]>;
}

/**
 * Reads a file's header. Rejects, and `tensors` does, with RangeError for a malformed file, as `readSafetensors` does,
 * and with what the source throws.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsStream> {
  const start = new Uint8Array(LENGTH_BYTES);
  const length = headerLength(start.subarray(0, await source.fill(start)));
  const header = await fill(source, new Uint8Array(length), `a header of ${length} bytes`);
  const { entries, dataLength } = parseHeader(header);
  return {
    entries,
    fileLength: LENGTH_BYTES + length + dataLength,
    async *tensors() {
      const bytes = new BytesInTurn(entries.reduce((largest, { begin, end }) => Math.max(largest, end - begin), 0));
      try {
        for (const { name, stored, dims, begin, end } of inFileOrder(entries)) {
          const own = await fill(source, bytes.take(end - begin), `${dataLength} bytes of data`);
          yield [name, { data: elements(own, stored), dims, type: stored.type }];
        }
      } finally {
        bytes.close();
      }
      const more = await source.fill(new Uint8Array(1));
      if (more > 0) throw malformed(`${dataLength} bytes of data`, 'more');
    },
  };
}

async function fill(source: ByteSource, bytes: Uint8Array, expected: string): Promise<Uint8Array> {
  const filled = await source.fill(bytes);
  const missing = bytes.length - filled;
  if (missing > 0) throw malformed(expected, `a file that ends ${missing} bytes early`);
  return bytes;
}
