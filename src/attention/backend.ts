import type { AttentionBackwardArgs, CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Output } from './output.js';
import type { BackwardOutput, ShiftedWindowBackwardOutput, WindowAttention } from './windowAttention.js';

/** One way to compute; arguments come checked, or are checked by the reference underneath. */
export interface Backend {
  readonly name: WindowAttention['backend'];
  readonly simd: WindowAttention['simd'];
  readonly threads: number;
  /** Writes the output, and logsumexp of the rows (B, H, L) where `lse` is given. */
  forward(args: CheckedAttentionArgs, output: Output, lse: Float32Array | undefined): Promise<void>;
  backward(args: AttentionBackwardArgs): Promise<BackwardOutput>;
  shiftedWindowAttention(args: ShiftedWindowArgs): Promise<Tensor<Float32Array>>;
  shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): Promise<ShiftedWindowBackwardOutput>;
  tensor(dims: readonly number[]): Tensor<Float32Array>;
  /** Ends threads when the calls that are pending are over. */
  dispose(): Promise<void>;
}
