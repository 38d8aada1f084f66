/** Most pages that the kernels declare, and what may be left of them where a host refuses to set so much aside. */
const PAGE_LIMITS = [65535, 32768, 16384] as const;

/** Largest memory worth keeping for the next engine, bytes. */
const MAX_SPARE = 16 * 1024 * 1024;

/**
 * Memories of engines that were disposed of. A host frees a memory when it collects garbage, which it may put off while
 * hundreds of engines come and go: the next engine takes over the last one's.
 */
const spares = new Map<boolean, WebAssembly.Memory>();

/** A memory for kernels, shared or not, with whatever bytes it was left with; undefined where the host lets none be. */
export function takeMemory(isShared: boolean): WebAssembly.Memory | undefined {
  const spare = spares.get(isShared);
  spares.delete(isShared);
  return spare ?? newMemory(isShared);
}

/** Takes a memory back that nothing refers to any more. */
export function giveMemoryBack(memory: WebAssembly.Memory, isShared: boolean): void {
  if (memory.buffer.byteLength <= MAX_SPARE) spares.set(isShared, memory);
}

function newMemory(shared: boolean): WebAssembly.Memory | undefined {
  for (const maximum of PAGE_LIMITS) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared });
    } catch (error) {
      // The host sets the maximum aside, and may have less.
      if (maximum === PAGE_LIMITS.at(-1) && !shared) throw error;
    }
  }
  return undefined;
}
