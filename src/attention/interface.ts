/// <reference lib="esnext.disposable" preserve="true" />
import type { AttentionArgs, AttentionBackwardArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { WasmSource } from '../kernel/wasmSource.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { FloatData, FloatType, Tensor, TensorLike } from '../tensor/tensor.js';

/** Options of `createWindowAttention`. */
export interface WindowAttentionOptions {
  /** `'auto'` (the default): WebAssembly SIMD where the host validates it, else TypeScript. */
  readonly backend?: 'auto' | 'wasm' | 'typescript' | undefined;
  /** Allow relaxed SIMD, whose fused multiply-add may change last bits between machines; false by default. */
  readonly relaxed?: boolean | undefined;
  /** Threads to use, 256 at most, 0 for one a core; 1 by default, and where the host cannot share memory. */
  readonly threads?: number | undefined;
  /** The kernel itself, in place of the package's own file. */
  readonly wasm?: WasmSource | undefined;
}

/** Options of `forward`. */
export interface ForwardOptions extends CallOptions {
  /** Also return logsumexp of the scores' rows. */
  readonly lse?: boolean | undefined;
}

/** The tensor that an operation writes to: `out` where it was given, a new float32 one where not. */
export type OutputOf<A extends { readonly out?: TensorLike | undefined }> = A extends {
  readonly out: infer T extends TensorLike;
}
  ? T & { readonly type: FloatType }
  : 'out' extends keyof A
    ? [A['out']] extends [undefined]
      ? Tensor<Float32Array>
      : Tensor<FloatData>
    : Tensor<Float32Array>;

/** Result of `forward`. */
export type ForwardOutput<A extends AttentionArgs = AttentionArgs, O extends ForwardOptions = ForwardOptions> = {
  /** Output `[B, H, L, D]`; `out` itself where it was given with its type. */
  readonly o: OutputOf<A>;
} & (O extends { readonly lse: true }
  ? {
      /** logsumexp of the scores' rows, `[B, H, L]`, float32. */
      readonly lse: Tensor<Float32Array>;
    }
  : {
      /** There where `lse` was asked for. */
      readonly lse?: Tensor<Float32Array>;
    });

/** Result of `backward`, float32. */
export interface BackwardOutput {
  /** `[B, H, L, D]`. */
  readonly dQ: Tensor<Float32Array>;
  /** `[B, H, L, D]`. */
  readonly dK: Tensor<Float32Array>;
  /** `[B, H, L, D]`. */
  readonly dV: Tensor<Float32Array>;
  /** `[H, L, L]`, summed over B; there when `bias` is. */
  readonly dBias?: Tensor<Float32Array>;
  /** `[H]`; there when `logitScale` is. */
  readonly dLogitScale?: Tensor<Float32Array>;
}

/** Result of `shiftedWindowAttentionBackward`, float32 but for an `out` of another type. */
export interface ShiftedWindowBackwardOutput<A extends ShiftedWindowBackwardArgs = ShiftedWindowBackwardArgs> {
  /** `[B, Himg, Wimg, 3C]`; `out` itself where it was given with its type. */
  readonly dQkv: OutputOf<A>;
  /** `[numHeads, L, L]`, summed over windows; there when `relativePositionBias` is. */
  readonly dRelativePositionBias?: Tensor<Float32Array>;
  /** `[numHeads]`; there when `logitScale` is. */
  readonly dLogitScale?: Tensor<Float32Array>;
}

/** A float32 tensor in an engine's memory, its own until `dispose` or until the engine is disposed of. */
export interface EngineTensor extends Tensor<Float32Array> {
  /** The elements: read it anew after calls, which may have grown the memory. @throws Error where the tensor is disposed of. */
  readonly data: Float32Array;
  /** Frees the memory, once no call runs that may use it. */
  dispose(): void;
}

/**
 * An engine for window attention. Same inputs give the same bits from run to run and for any number of threads. Calls run
 * one after the other; a call reads its tensors when it runs, and they must stay as they are until it settles. Every
 * method rejects with Error once the engine is disposed of, and with the signal's reason where that is aborted.
 */
export interface WindowAttention extends AsyncDisposable {
  readonly backend: 'wasm' | 'typescript';
  /** Threads in use. */
  readonly threads: number;
  /** What the kernels that run were built for. */
  readonly simd: 'simd' | 'relaxed-simd' | 'none';

  /**
   * `S = scale · q kᵀ + bias[h] + mask[b % nW]`, `P = softmax(S)` by rows, `o = P v`; with `logitScale`, Swin V2's
   * cosine attention. q, k, v: `[B, H, L, D]`, float32, float64, float16 or bfloat16; computed in float32.
   * Source: Flash Window Attention (arXiv 2501.06480), Algorithm 1.
   * Rejects with TypeError for what is no tensor, for an unknown argument or option or for `scale` beside `logitScale`,
   * with RangeError for sizes that disagree, an `out` that overlaps an input, or more memory than wasm32 has.
   */
  forward<A extends AttentionArgs, const O extends ForwardOptions = ForwardOptions>(
    args: A,
    options?: O,
  ): Promise<ForwardOutput<A, O>>;

  /**
   * Gradients of `forward`, P recomputed. dO: `[B, H, L, D]`. Rejects as `forward` does.
   * Source: Flash Window Attention (arXiv 2501.06480), backward pass.
   */
  backward(args: AttentionBackwardArgs, options?: CallOptions): Promise<BackwardOutput>;

  /**
   * Shifted-window attention over images, `qkv` `[B, Himg, Wimg, 3C]` → `[B, Himg, Wimg, C]`, float32: padding,
   * cyclic shift, partition, shift mask, attention, reverse and crop in one. Rejects as `forward` does.
   * Source: torchvision, `shifted_window_attention` between its two Linear layers.
   */
  shiftedWindowAttention<A extends ShiftedWindowArgs>(args: A, options?: CallOptions): Promise<OutputOf<A>>;

  /**
   * Gradients of `shiftedWindowAttention`. dO: `[B, Himg, Wimg, C]`; gradients of padded tokens are dropped. Rejects as
   * `forward` does.
   */
  shiftedWindowAttentionBackward<A extends ShiftedWindowBackwardArgs>(
    args: A,
    options?: CallOptions,
  ): Promise<ShiftedWindowBackwardOutput<A>>;

  /**
   * A float32 tensor of zeros in the kernel's memory, for calls without copies (in JavaScript's on the TypeScript
   * backend).
   * @throws TypeError or RangeError for bad dims; RangeError for more memory than wasm32 has; Error once disposed of.
   */
  tensor(dims: readonly number[]): EngineTensor;

  /**
   * Lets pending calls end, then ends threads and frees memory, tensors and models on it included. Later calls of the
   * engine and of its models reject. Every call returns the same promise.
   */
  dispose(): Promise<void>;
}
