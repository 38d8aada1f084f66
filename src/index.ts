export type { AttentionArgs, AttentionBackwardArgs } from './arguments/attentionArgs.js';
export type { ShiftedWindowArgs, ShiftedWindowBackwardArgs, Size } from './arguments/shiftedWindowArgs.js';
export { createWindowAttention } from './attention/createWindowAttention.js';
export type {
  BackwardOutput,
  ForwardOptions,
  ForwardOutput,
  ShiftedWindowBackwardOutput,
  WindowAttention,
  WindowAttentionOptions,
} from './attention/windowAttention.js';
export type { WasmSource } from './kernel/kernelSource.js';
export type { DType, FloatType, Tensor, TensorData, TensorLike } from './tensor/tensor.js';
