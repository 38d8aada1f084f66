/** Bytes that are read in parts: of a file, which may be larger than memory or than one buffer, or in memory. */
export interface Bytes {
  readonly size: number;
  /** A copy of `[offset, offset + length)`, aligned for every element type. @throws RangeError beyond the end. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

export function memoryBytes(name: string, bytes: Uint8Array): Bytes {
  return {
    size: bytes.length,
    read: (offset, length) =>
      Uint8Array.from(bytes.subarray(offset, offset + checkRange(name, bytes.length, offset, length))),
  };
}

/** `[start, start + size)` of other bytes. */
export function partOfBytes(name: string, bytes: Bytes, start: number, size: number): Bytes {
  checkRange(name, bytes.size, start, size);
  return { size, read: (offset, length) => bytes.read(start + offset, checkRange(name, size, offset, length)) };
}

export function checkRange(name: string, size: number, offset: number, length: number): number {
  if (offset < 0 || length < 0 || offset + length > size) {
    throw new RangeError(`${name} expected bytes ${offset} to ${offset + length}, got ${size}`);
  }
  return length;
}
