/**
 * The engine: window attention forward and backward, over windows and over whole images. Importing it compiles nothing.
 * @module flash-window-attention
 */

export type { AttentionArgs, AttentionBackwardArgs } from './arguments/attentionArgs.js';
export type { ShiftedWindowArgs, ShiftedWindowBackwardArgs, Size } from './arguments/shiftedWindowArgs.js';
export { createWindowAttention } from './attention/createWindowAttention.js';
export type {
  BackwardOutput,
  EngineTensor,
  ForwardOptions,
  ForwardOutput,
  OutputOf,
  ShiftedWindowBackwardOutput,
  WindowAttention,
  WindowAttentionOptions,
} from './attention/interface.js';
export type { WasmSource } from './kernel/wasmSource.js';
export type { AbortSignalLike, CallOptions } from './tensor/abortSignal.js';
export type { DType, FloatData, FloatType, Tensor, TensorData, TensorLike } from './tensor/tensor.js';
