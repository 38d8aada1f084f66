import {
  type AttentionBackwardArgs,
  type CheckedAttentionArgs,
  checkAttentionBackwardArgs,
} from '../arguments/attentionArgs.js';
import {
  checkShiftedWindowArgs,
  checkShiftedWindowBackwardArgs,
  type ShiftedWindowArgs,
  type ShiftedWindowBackwardArgs,
} from '../arguments/shiftedWindowArgs.js';
import type { Kernel } from '../kernel/kernel.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import { GradientSums } from './gradientSums.js';
import type { Output } from './output.js';
import { shiftedWindowAttentionBackwardJob } from './shiftedWindowAttentionBackwardJob.js';
import { shiftedWindowAttentionJob } from './shiftedWindowAttentionJob.js';
import type { BackwardOutput, ShiftedWindowBackwardOutput } from './windowAttention.js';
import { windowAttentionBackwardJob } from './windowAttentionBackwardJob.js';
import { windowAttentionJob } from './windowAttentionJob.js';

/** The WebAssembly kernels. */
export class WasmBackend implements Backend {
  readonly name = 'wasm';

  constructor(private readonly kernel: Kernel) {}

  get simd() {
    return this.kernel.simd;
  }

  get threads() {
    return this.kernel.threads;
  }

  forward(args: CheckedAttentionArgs, output: Output, lse: Float32Array | undefined): Promise<void> {
    const { kernel } = this;
    return kernel.run(() => windowAttentionJob(kernel, args, output, lse));
  }

  async backward(args: AttentionBackwardArgs): Promise<BackwardOutput> {
    const { kernel } = this;
    const checked = checkAttentionBackwardArgs(args);
    const { dims } = checked.q;
    const output = { dQ: float32Tensor(dims), dK: float32Tensor(dims), dV: float32Tensor(dims) };
    const sums = new GradientSums(checked.H, checked.L, checked.bias, checked.logitScale);
    await kernel.run(() => windowAttentionBackwardJob(kernel, checked, output, sums));
    return { ...output, ...sums.result() };
  }

  async shiftedWindowAttention(args: ShiftedWindowArgs): Promise<Tensor<Float32Array>> {
    const { kernel } = this;
    const checked = checkShiftedWindowArgs(args);
    const out = float32Tensor([checked.B, checked.Himg, checked.Wimg, checked.C]);
    await kernel.run(() => shiftedWindowAttentionJob(kernel, checked, out.data));
    return out;
  }

  async shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): Promise<ShiftedWindowBackwardOutput> {
    const { kernel } = this;
    const checked = checkShiftedWindowBackwardArgs(args);
    const dQkv = float32Tensor(checked.qkv.dims);
    const sums = new GradientSums(checked.numHeads, checked.grid.L, checked.relativePositionBias, checked.logitScale);
    await kernel.run(() => shiftedWindowAttentionBackwardJob(kernel, checked, dQkv.data, sums));
    const { dBias, dLogitScale } = sums.result();
    return { dQkv, ...(dBias && { dRelativePositionBias: dBias }), ...(dLogitScale && { dLogitScale }) };
  }

  tensor(dims: readonly number[]): Tensor<Float32Array> {
    return this.kernel.memory.tensor(dims);
  }

  dispose(): Promise<void> {
    return this.kernel.dispose();
  }
}
