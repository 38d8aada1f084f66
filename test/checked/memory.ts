import { KernelMemory } from '../../src/kernel/memory.js';
import { SLACK } from '../../src/kernel/schema.js';

/** Bytes behind every array's slack that nobody may touch. */
const RED_ZONE = 512;
/** Of attention's arrays, those that a kernel may only read. */
const INPUTS = new Set(['q', 'k', 'v', 'dO', 'bias', 'mask', 'logitFactors', 'rows', 'splits', 'columns']);
const RED = 0;

/** For every byte of a memory, the array whose it is, odd for inputs; RED for none's. */
class Shadow {
  accesses = 0;
  isOn = false;
  #owners = new Uint32Array(0);
  #last = 0;

  constructor(readonly wasm: WebAssembly.Memory) {}

  own(start: number, end: number, isInput = false): void {
    this.#cover();
    this.#last += 2;
    this.#owners.fill(this.#last + (isInput ? 1 : 0), start, end);
    // "They hold whatever was there": here NaN in every type.
    if (this.isOn) new Uint8Array(this.wasm.buffer, start, end - start).fill(0xff);
  }

  disown(start: number, end: number): void {
    this.#owners.fill(RED, start, end);
  }

  check(pointer: number, offset: number, bytes: number, access: number): number {
    if (!this.isOn || bytes === 0) return pointer;
    this.accesses++;
    const start = (pointer >>> 0) + offset;
    const owner = this.#owners[start];
    if (!owner || owner !== this.#owners[start + bytes - 1]) {
      throw new Error(`a kernel ${access ? 'stores' : 'loads'} ${bytes} bytes at ${start}, outside every array`);
    }
    if (access === 1 && owner % 2 === 1) throw new Error(`a kernel stores ${bytes} bytes at ${start}, in an input`);
    return pointer;
  }

  #cover(): void {
    const { byteLength } = this.wasm.buffer;
    if (this.#owners.length >= byteLength) return;
    const grown = new Uint32Array(byteLength);
    grown.set(this.#owners);
    this.#owners = grown;
  }
}

const shadows = new WeakMap<WebAssembly.Memory, Shadow>();
let last: Shadow | undefined;

/** Loads and stores of the newest engine's kernels that were checked. */
export function checkedAccesses(): number {
  return last?.accesses ?? 0;
}

function shadowOf(wasm: WebAssembly.Memory): Shadow {
  let shadow = shadows.get(wasm);
  if (!shadow) {
    shadow = new Shadow(wasm);
    shadows.set(wasm, shadow);
  }
  last = shadow;
  return shadow;
}

const { instantiate } = WebAssembly;
WebAssembly.instantiate = ((source: WebAssembly.Module, imports: { env?: { memory?: WebAssembly.Memory } } = {}) => {
  const memory = imports.env?.memory;
  if (!memory) return instantiate(source, imports as WebAssembly.Imports);
  const shadow = shadowOf(memory);
  const check = (pointer: number, offset: number, bytes: number, access: number) =>
    shadow.check(pointer, offset, bytes, access);
  return instantiate(source, { env: { memory, check } });
}) as typeof instantiate;

const { allocate, allocateArrays, free } = KernelMemory.prototype;
const sizes = new WeakMap<KernelMemory, Map<number, number>>();

function remember(memory: KernelMemory, pointer: number, bytes: number): void {
  let known = sizes.get(memory);
  if (!known) {
    known = new Map();
    sizes.set(memory, known);
    // What the module itself lays below its heap, and the records, which are allocated first.
    shadowOf(memory.wasm).own(0, pointer);
    shadowOf(memory.wasm).isOn = true;
  }
  known.set(pointer, bytes);
}

KernelMemory.prototype.allocate = function (this: KernelMemory, bytes) {
  const pointer = allocate.call(this, bytes + RED_ZONE);
  remember(this, pointer, bytes + RED_ZONE + SLACK);
  shadowOf(this.wasm).own(pointer, pointer + bytes + SLACK);
  return pointer;
};

KernelMemory.prototype.allocateArrays = function (this: KernelMemory, requested, requestedOfPlace, places) {
  const widened = (of: Readonly<Record<string, number>> = {}) =>
    Object.fromEntries(Object.entries(of).map(([name, bytes]) => [name, bytes && bytes + RED_ZONE]));
  const layout = allocateArrays.call(this, widened(requested), widened(requestedOfPlace), places);
  const shadow = shadowOf(this.wasm);
  shadow.disown(layout.pointer, layout.pointer + (sizes.get(this)?.get(layout.pointer) ?? 0));
  const own = (at: Readonly<Record<string, number>>, of: Readonly<Record<string, number>> = {}) => {
    for (const [name, bytes] of Object.entries(of)) {
      const start = at[name] as number;
      if (bytes !== 0) shadow.own(start, start + bytes + SLACK, INPUTS.has(name));
    }
  };
  own(layout.at, requested);
  for (const at of layout.places) own(at, requestedOfPlace);
  return layout as never;
};

KernelMemory.prototype.free = function (this: KernelMemory, pointer) {
  free.call(this, pointer);
  shadowOf(this.wasm).disown(pointer, pointer + (sizes.get(this)?.get(pointer) ?? 0));
  sizes.get(this)?.delete(pointer);
};
