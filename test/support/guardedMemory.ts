import type { KernelMemory } from '../../src/kernel/memory.js';

const FREE = 0xa5;
const CANARY = 0x5a;
const CANARY_BYTES = 64;

/**
 * Fills what is free with a pattern and puts a canary behind every allocation's slack, so that a byte written outside a
 * live allocation is found by `check`, which every allocation and release calls, too.
 */
export function guardMemory(memory: KernelMemory): { check(): void } {
  const canaries = new Map<number, number>();
  const [allocate, free] = [memory.allocate.bind(memory), memory.free.bind(memory)];
  let known = memory.byteLength;
  const bytes = (start: number, end: number) => new Uint8Array(memory.wasm.buffer, start, end - start);
  const expectAll = (start: number, end: number, value: number, what: string) => {
    if (Buffer.from(memory.wasm.buffer, start, end - start).equals(Buffer.alloc(end - start, value))) return;
    const at = bytes(start, end).findIndex((byte) => byte !== value);
    throw new Error(`byte ${start + at} of kernel memory, ${what}, was written`);
  };
  const check = () => {
    for (const { start, end } of memory.freeRanges) expectAll(start, end, FREE, 'which is free');
    for (const at of canaries.values()) expectAll(at, at + CANARY_BYTES, CANARY, 'behind an allocation');
  };
  for (const { start, end } of memory.freeRanges) bytes(start, end).fill(FREE);
  memory.allocate = (size) => {
    check();
    const pointer = allocate(size + CANARY_BYTES);
    const last = memory.freeRanges.at(-1) ?? { start: 0, end: 0 };
    if (memory.byteLength > known) bytes(Math.max(known, last.start), last.end).fill(FREE);
    known = memory.byteLength;
    const canary = pointer + size + CANARY_BYTES;
    bytes(canary, canary + CANARY_BYTES).fill(CANARY);
    canaries.set(pointer, canary);
    return pointer;
  };
  memory.free = (pointer) => {
    check();
    const canary = canaries.get(pointer);
    free(pointer);
    if (canary === undefined) return;
    canaries.delete(pointer);
    bytes(pointer, canary + CANARY_BYTES).fill(FREE);
    // What alignment added belongs to the free range, too.
    for (const { start, end } of memory.freeRanges)
      if (start <= pointer && pointer < end) bytes(canary, Math.min(end, canary + 2 * CANARY_BYTES)).fill(FREE);
  };
  return { check };
}
