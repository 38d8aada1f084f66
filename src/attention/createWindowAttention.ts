import { inlineKernel } from '../kernel/inlineKernel.js';
import { createEngine } from './createEngine.js';
import type { WindowAttention, WindowAttentionOptions } from './windowAttention.js';

/**
 * Makes an engine for window attention: compiles the kernel, or takes the TypeScript backend where WebAssembly SIMD
 * is missing or may not be compiled. `threads` beyond 1 need memory that threads can share (Node, Deno, Bun, cross-origin isolated pages);
 * elsewhere the engine has one. Rejects with TypeError for an option of a wrong type or a `wasm` that is no kernel, with
 * RangeError for a bad thread count, with Error where `backend: 'wasm'` is asked of a host that has no WebAssembly SIMD.
 */
export function createWindowAttention(options?: WindowAttentionOptions): Promise<WindowAttention> {
  return createEngine(inlineKernel, options);
}
