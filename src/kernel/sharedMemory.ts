/** What a module with an unshared memory has in place of `SHARED_LIMITS`: limits with a maximum. */
const LIMITS = 1;
const SHARED_LIMITS = 3;
/** The import `env.memory` of kind memory, before its limits: names with their lengths, and the kind 2. */
const MEMORY_IMPORT = [3, ...bytesOf('env'), 6, ...bytesOf('memory'), 2];

/**
 * A kernel's bytes, importing its memory as shared: one flag, the only difference between the two.
 * Bytes without that import are returned as they are, for the compiler to judge.
 */
export function importSharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = bytes.findIndex((_, i) => MEMORY_IMPORT.every((byte, j) => bytes[i + j] === byte)) + MEMORY_IMPORT.length;
  if (at < MEMORY_IMPORT.length || bytes[at] !== LIMITS) return bytes;
  const shared = bytes.slice();
  shared[at] = SHARED_LIMITS;
  return shared;
}

function bytesOf(ascii: string): number[] {
  return Array.from(ascii, (letter) => letter.charCodeAt(0));
}
