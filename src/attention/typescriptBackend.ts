import type { AttentionBackwardArgs, CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from '../reference/shiftedWindowAttentionBackward.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import { type Output, writeOutput } from './output.js';
import type { BackwardOutput, ShiftedWindowBackwardOutput } from './windowAttention.js';

/** The float64 reference behind the engine's interface, results rounded to float32. */
export class TypescriptBackend implements Backend {
  readonly name = 'typescript';
  readonly simd = 'none';
  readonly threads = 1;

  async forward(args: CheckedAttentionArgs, output: Output, lse: Float32Array | undefined): Promise<void> {
    // `logitScale` fixes the scale, and the reference refuses both.
    const result = windowAttention({ ...args, scale: args.logitScale ? undefined : args.scale });
    writeOutput(output, 0, result.o.data);
    lse?.set(result.lse.data);
  }

  async backward(args: AttentionBackwardArgs): Promise<BackwardOutput> {
    const { dQ, dK, dV, dBias, dLogitScale } = windowAttentionBackward(args);
    return {
      dQ: rounded(dQ),
      dK: rounded(dK),
      dV: rounded(dV),
      ...(dBias && { dBias: rounded(dBias) }),
      ...(dLogitScale && { dLogitScale: rounded(dLogitScale) }),
    };
  }

  async shiftedWindowAttention(args: ShiftedWindowArgs): Promise<Tensor<Float32Array>> {
    return rounded(shiftedWindowAttention(args));
  }

  async shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): Promise<ShiftedWindowBackwardOutput> {
    const { dQkv, dRelativePositionBias, dLogitScale } = shiftedWindowAttentionBackward(args);
    return {
      dQkv: rounded(dQkv),
      ...(dRelativePositionBias && { dRelativePositionBias: rounded(dRelativePositionBias) }),
      ...(dLogitScale && { dLogitScale: rounded(dLogitScale) }),
    };
  }

  tensor(dims: readonly number[]): Tensor<Float32Array> {
    return float32Tensor(dims);
  }

  async dispose(): Promise<void> {}
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}
