import type { AttentionArgs, AttentionBackwardArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { KernelCore } from '../kernel/core.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { FloatData, Tensor } from '../tensor/tensor.js';
import type {
  BackwardOutput,
  EngineTensor,
  ForwardOptions,
  ForwardOutput,
  ShiftedWindowBackwardOutput,
  WindowAttention,
} from './interface.js';

/** What an engine does, by kernels or in TypeScript; options come checked, arguments are checked here. */
export interface Operations extends Pick<WindowAttention, 'backend' | 'threads' | 'simd'> {
  /** What the kernels run on; models compute there too. */
  readonly core: KernelCore | undefined;
  forward(args: AttentionArgs, options: ForwardOptions): Promise<ForwardOutput>;
  backward(args: AttentionBackwardArgs, options: CallOptions): Promise<BackwardOutput>;
  shiftedWindowAttention(args: ShiftedWindowArgs, options: CallOptions): Promise<Tensor<FloatData>>;
  shiftedWindowAttentionBackward(
    args: ShiftedWindowBackwardArgs,
    options: CallOptions,
  ): Promise<ShiftedWindowBackwardOutput>;
  tensor(dims: readonly number[]): EngineTensor;
  /** @throws Error once the engine is closing. */
  checkOpen(): void;
  dispose(): Promise<void>;
}
