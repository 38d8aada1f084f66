import type { KernelCore } from '../kernel/core.js';
import type { Operations } from './operations.js';
import { shiftedWindowAttention } from './shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from './shiftedWindowAttentionBackward.js';
import { windowAttention } from './windowAttention.js';
import { windowAttentionBackward } from './windowAttentionBackward.js';

/** The operations by WebAssembly kernels. */
export function kernelOperations(core: KernelCore): Operations {
  return {
    backend: 'wasm',
    threads: core.threads,
    simd: core.simd,
    core,
    forward: (args, options) => windowAttention(core, args, options),
    backward: (args, options) => windowAttentionBackward(core, args, options),
    shiftedWindowAttention: (args, options) => shiftedWindowAttention(core, args, options),
    shiftedWindowAttentionBackward: (args, options) => shiftedWindowAttentionBackward(core, args, options),
    tensor: (dims) => core.tensor(dims),
    checkOpen: () => core.checkOpen(),
    dispose: () => core.dispose(),
  };
}
