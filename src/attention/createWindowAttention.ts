import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import { checkInteger, checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { float32Tensor, product } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import { instantiateKernel } from './kernelExports.js';
import { type KernelSimd, kernelModule, supportsSimd } from './kernelModule.js';
import { outputOf } from './output.js';
import { TypescriptBackend } from './typescriptBackend.js';
import { WasmBackend } from './wasmBackend.js';
import type { WindowAttention, WindowAttentionOptions } from './windowAttention.js';

/**
 * Makes an engine for window attention: compiles the kernel, or takes the TypeScript backend where WebAssembly SIMD
 * is missing. Rejects with TypeError for an option of a wrong type or a `wasm` that is no kernel, with RangeError for
 * a bad thread count, with Error where `backend: 'wasm'` is asked of a host that has no WebAssembly SIMD.
 */
export async function createWindowAttention(options: WindowAttentionOptions = {}): Promise<WindowAttention> {
  checkObject('options', options);
  const { relaxed = false, wasm } = options;
  const wanted = checkOneOf('backend', options.backend ?? 'auto', ['auto', 'wasm', 'typescript']);
  if (typeof relaxed !== 'boolean') throw new TypeError(message('relaxed', 'a boolean', relaxed));
  checkInteger('threads', options.threads ?? 1, 0);
  return engine(await createBackend(wanted, relaxed, wasm));
}

async function createBackend(
  wanted: 'auto' | 'wasm' | 'typescript',
  relaxed: boolean,
  wasm: WindowAttentionOptions['wasm'],
): Promise<Backend> {
  if (wanted === 'typescript' || (wanted === 'auto' && !supportsSimd('simd'))) return new TypescriptBackend();
  if (!supportsSimd('simd')) throw new Error('"backend" expected a host with WebAssembly SIMD for "wasm", got none');
  const simd: KernelSimd = relaxed && supportsSimd('relaxed-simd') ? 'relaxed-simd' : 'simd';
  return new WasmBackend(await instantiateKernel(await kernelModule(simd, wasm)), simd);
}

function engine(backend: Backend): WindowAttention {
  let live: Backend | undefined = backend;
  const use = (): Backend => {
    if (!live) throw new Error('this WindowAttention was disposed');
    return live;
  };
  return {
    backend: backend.name,
    simd: backend.simd,
    threads: backend.threads,
    async forward(args, options) {
      const current = use();
      const checked = checkAttentionArgs(args);
      const output = outputOf(args, checked);
      const { B, H, L } = checked;
      const lse = options?.lse ? float32Tensor([B, H, L]) : undefined;
      current.forward(checked, output, lse?.data);
      return { o: output.tensor, ...(lse && { lse }) };
    },
    async backward(args) {
      return use().backward(args);
    },
    async shiftedWindowAttention(args) {
      return use().shiftedWindowAttention(args);
    },
    async shiftedWindowAttentionBackward(args) {
      return use().shiftedWindowAttentionBackward(args);
    },
    tensor(dims) {
      const current = use();
      if (!Array.isArray(dims)) throw new TypeError(message('dims', 'an array of integers', describe(dims)));
      dims.forEach((dim, i) => {
        checkInteger(`dims[${i}]`, dim, 0);
      });
      checkInteger('product(dims)', product(dims), 0);
      return current.tensor([...dims]);
    },
    async dispose() {
      live?.dispose();
      live = undefined;
    },
  };
}
