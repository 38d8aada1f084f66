import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import { Kernel } from '../kernel/kernel.js';
import { givenSource, type PackagedKernel, packagedSource } from '../kernel/kernelSource.js';
import { type KernelSimd, supportsSimd } from '../kernel/simd.js';
import { checkInteger, checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { float32Tensor, product } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import { outputOf } from './output.js';
import { WasmBackend } from './wasmBackend.js';
import type { WindowAttention, WindowAttentionOptions } from './windowAttention.js';

/** Most threads of an engine: more than any machine gains from, less than what makes a host fall over. */
const MAX_THREADS = 256;

const kernels = new WeakMap<WindowAttention, Kernel>();

/** The kernel behind an engine, for models that compute more than attention with it; undefined without WebAssembly. */
export function kernelOf(attention: WindowAttention): Kernel | undefined {
  return kernels.get(attention);
}

/** `createWindowAttention` over the kernels that a build of this package carries. */
export async function createEngine(
  packaged: PackagedKernel,
  options: WindowAttentionOptions = {},
): Promise<WindowAttention> {
  checkObject('options', options);
  const { relaxed = false, wasm } = options;
  const wanted = checkOneOf('backend', options.backend ?? 'auto', ['auto', 'wasm', 'typescript']);
  if (typeof relaxed !== 'boolean') throw new TypeError(message('relaxed', 'a boolean', relaxed));
  const threads = checkInteger('threads', options.threads ?? 1, 0, MAX_THREADS);
  if (wanted === 'typescript' || (wanted === 'auto' && !supportsSimd('simd'))) return typescriptEngine();
  if (!supportsSimd('simd')) throw new Error('"backend" expected a host with WebAssembly SIMD for "wasm", got none');
  const simd: KernelSimd = relaxed && supportsSimd('relaxed-simd') ? 'relaxed-simd' : 'simd';
  const source = wasm === undefined ? packagedSource(packaged, simd) : await givenSource(wasm);
  try {
    const kernel = await Kernel.create(simd, source, threads);
    const attention = engine(new WasmBackend(kernel));
    kernels.set(attention, kernel);
    return attention;
  } catch (error) {
    // A page's Content-Security-Policy may forbid to compile what the host would run.
    if (wanted === 'auto' && wasm === undefined && error instanceof WebAssembly.CompileError) {
      return typescriptEngine();
    }
    throw error;
  }
}

/** Loaded where it is needed: it brings in the reference. */
async function typescriptEngine(): Promise<WindowAttention> {
  const { TypescriptBackend } = await import('./typescriptBackend.js');
  return engine(new TypescriptBackend());
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
      await current.forward(checked, output, lse?.data);
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
      const ended = live;
      live = undefined;
      await ended?.dispose();
    },
  };
}
