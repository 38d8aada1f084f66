import type { AttentionBackwardArgs, CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import type { KernelExports } from './kernelExports.js';
import { KernelMemory } from './kernelMemory.js';
import type { KernelSimd } from './kernelModule.js';
import type { Output } from './output.js';
import { wasmBackward } from './wasmBackward.js';
import { wasmForward } from './wasmForward.js';
import { wasmShiftedWindowAttention } from './wasmShiftedWindowAttention.js';
import { wasmShiftedWindowAttentionBackward } from './wasmShiftedWindowAttentionBackward.js';
import type { BackwardOutput, ShiftedWindowBackwardOutput } from './windowAttention.js';

/** The WebAssembly kernels, in one thread. */
export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly threads = 1;
  readonly #memory: KernelMemory;

  constructor(
    private readonly kernel: KernelExports,
    readonly simd: KernelSimd,
  ) {
    this.#memory = new KernelMemory(kernel);
  }

  forward(args: CheckedAttentionArgs, output: Output, lse: Float32Array | undefined): void {
    wasmForward(this.kernel, this.#memory, args, output, lse);
  }

  backward(args: AttentionBackwardArgs): BackwardOutput {
    return wasmBackward(this.kernel, this.#memory, args);
  }

  shiftedWindowAttention(args: ShiftedWindowArgs): Tensor<Float32Array> {
    return wasmShiftedWindowAttention(this.kernel, this.#memory, args);
  }

  shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): ShiftedWindowBackwardOutput {
    return wasmShiftedWindowAttentionBackward(this.kernel, this.#memory, args);
  }

  tensor(dims: readonly number[]): Tensor<Float32Array> {
    return this.#memory.tensor(dims);
  }

  dispose(): void {}
}
