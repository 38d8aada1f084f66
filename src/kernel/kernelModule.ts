import { message } from '../tensor/check.js';
import { type KernelName, MODULES, type ModuleName, SCHEMA_VERSION } from './schema.js';

/** A kernel: reads its record at `args` and computes with scratch of its thread's own. */
export type KernelFunction = (args: number, scratch: number) => void;

/** What a module exports beside its kernels. Scratch is in bytes, as float64, which cannot overflow. */
interface AttentionFunctions {
  windowAttentionScratch(L: number, D: number): number;
  windowAttentionBackwardScratch(L: number, D: number): number;
  shiftedWindowAttentionScratch(L: number, D: number): number;
  shiftedWindowAttentionBackwardScratch(L: number, D: number): number;
  widenHalf(type: number, from: number, to: number, count: number): void;
  narrowHalf(type: number, from: number, to: number, count: number): void;
}

interface ModelFunctions {
  linearScratch(rows: number, inputs: number): number;
  linearInt8Scratch(rows: number, inputs: number): number;
  packLinear(weights: number, rows: number, inputs: number, to: number): void;
  packLinearHalf(weights: number, rows: number, inputs: number, to: number): void;
  packLinearInt8(weights: number, rows: number, inputs: number, to: number): void;
}

interface ModuleFunctions {
  heapBase(): number;
  isRelaxed(): number;
  schemaVersion(): number;
}

interface Functions {
  readonly attention: AttentionFunctions;
  readonly model: ModelFunctions;
}

/** Everything that a module exports. */
export type ModuleExports<M extends ModuleName> = ModuleFunctions &
  Functions[M] &
  Readonly<Record<(typeof MODULES)[M][number], KernelFunction>>;

const FUNCTIONS: Readonly<Record<ModuleName, readonly string[]>> = {
  attention: [
    'windowAttentionScratch',
    'windowAttentionBackwardScratch',
    'shiftedWindowAttentionScratch',
    'shiftedWindowAttentionBackwardScratch',
    'widenHalf',
    'narrowHalf',
  ],
  model: ['linearScratch', 'linearInt8Scratch', 'packLinear', 'packLinearHalf', 'packLinearInt8'],
};

/**
 * Instantiates a module on `memory` and checks what it exports.
 * @throws TypeError for a module that is not this version's; WebAssembly.LinkError where it cannot import `memory`.
 */
export async function instantiateModule<M extends ModuleName>(
  name: M,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<ModuleExports<M>> {
  const exported = WebAssembly.Module.exports(module).map((entry) => entry.name);
  const kernels: readonly KernelName[] = MODULES[name];
  const wanted = [...kernels, ...FUNCTIONS[name], 'heapBase', 'isRelaxed', 'schemaVersion'];
  if (!wanted.every((name) => exported.includes(name))) {
    const got = exported.slice(0, 8).join(', ') || 'nothing';
    throw new TypeError(message('wasm', 'a kernel of flash-window-attention', `a module that exports ${got}`));
  }
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const checked = exports as unknown as ModuleExports<M>;
  if (checked.schemaVersion() !== SCHEMA_VERSION) {
    throw new TypeError(message('wasm', "this version's kernel", 'one of another version of flash-window-attention'));
  }
  return checked;
}
