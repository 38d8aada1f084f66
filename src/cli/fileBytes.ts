import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Bytes, checkRange } from './bytes.js';

const LARGEST_READ = 2 ** 30;

/** Opens a file for as long as the process runs, or until `close`. */
export function fileBytes(path: string): Bytes & { close(): void } {
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  return {
    size,
    read(offset, length) {
      const bytes = new Uint8Array(checkRange(path, size, offset, length));
      let done = 0;
      while (done < length) {
        const count = readSync(file, bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
        if (count === 0) throw new RangeError(`${path} expected ${size} bytes, got an end after ${offset + done}`);
        done += count;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}
