import { kernels } from '#kernels';
import { KernelCore, MAX_THREADS } from '../kernel/core.js';
import { givenSource, packagedSource } from '../kernel/kernelSource.js';
import { supportsSimd } from '../kernel/simd.js';
import { checkInteger, checkKeys, checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { engineOf } from './engine.js';
import type { WindowAttention, WindowAttentionOptions } from './interface.js';
import { kernelOperations } from './kernelOperations.js';

/**
 * Makes an engine for window attention: compiles the kernel, or takes the TypeScript backend where WebAssembly SIMD is
 * missing or may not be compiled. `threads` beyond 1 need memory that threads can share (Node, Deno, Bun, cross-origin
 * isolated pages); elsewhere the engine has one. Rejects with TypeError for an unknown option, one of a wrong type or a
 * `wasm` that is no kernel, with RangeError for a bad thread count, with Error where `backend: 'wasm'` is asked of a host
 * that has no WebAssembly SIMD.
 */
export async function createWindowAttention(options: WindowAttentionOptions = {}): Promise<WindowAttention> {
  checkKeys('options', checkObject('options', options), ['backend', 'relaxed', 'threads', 'wasm']);
  const { relaxed = false, wasm } = options;
  const wanted = checkOneOf('backend', options.backend ?? 'auto', ['auto', 'wasm', 'typescript']);
  if (typeof relaxed !== 'boolean') throw new TypeError(message('relaxed', 'a boolean', describe(relaxed)));
  const threads = checkInteger('threads', options.threads ?? 1, 0, MAX_THREADS);
  if (wanted === 'typescript' || (wanted === 'auto' && !supportsSimd('simd'))) return typescriptEngine();
  if (!supportsSimd('simd')) throw new Error('"backend" expected a host with WebAssembly SIMD for "wasm", got none');
  const simd = relaxed && supportsSimd('relaxed-simd') ? 'relaxed-simd' : 'simd';
  const source = wasm === undefined ? packagedSource(kernels, simd) : await givenSource(wasm);
  try {
    return engineOf(kernelOperations(await KernelCore.create(source, threads)));
  } catch (error) {
    // A page's Content-Security-Policy may forbid to compile, and a host may lack the memory.
    const isOfHost = error instanceof WebAssembly.CompileError || error instanceof RangeError;
    if (wanted === 'auto' && wasm === undefined && isOfHost) return typescriptEngine();
    throw error;
  }
}

/** Loaded where it is needed: it brings in the reference. */
async function typescriptEngine(): Promise<WindowAttention> {
  const { typescriptOperations } = await import('./typescriptOperations.js');
  return engineOf(typescriptOperations());
}
