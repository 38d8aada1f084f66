import type { AttentionArgs, AttentionBackwardArgs } from '../arguments/attentionArgs.js';
import type { ShiftedWindowArgs, ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { WasmSource } from '../kernel/kernelSource.js';
import type { Tensor } from '../tensor/tensor.js';

/** Options of `createWindowAttention`. */
export interface WindowAttentionOptions {
  /** `'auto'` (the default): WebAssembly SIMD where the host validates it, else TypeScript. */
  readonly backend?: 'auto' | 'wasm' | 'typescript' | undefined;
  /** Allow relaxed SIMD, whose fused multiply-add may change last bits between machines; false by default. */
  readonly relaxed?: boolean | undefined;
  /** Threads to use, 0 for one a core; 1 by default, and where the host cannot share memory. */
  readonly threads?: number | undefined;
  /** The kernel itself, in place of the package's own file. */
  readonly wasm?: WasmSource | undefined;
}

export interface ForwardOptions {
  /** Also return logsumexp of the scores' rows. */
  readonly lse?: boolean | undefined;
}

/** Result of `forward`. */
export interface ForwardOutput {
  /** Output `[B, H, L, D]`; `out` itself where it was given. */
  readonly o: Tensor;
  /** logsumexp of the scores' rows, `[B, H, L]`, float32. */
  readonly lse?: Tensor<Float32Array>;
}

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

/** Result of `shiftedWindowAttentionBackward`, float32. */
export interface ShiftedWindowBackwardOutput {
  /** `[B, Himg, Wimg, 3C]`. */
  readonly dQkv: Tensor<Float32Array>;
  /** `[numHeads, L, L]`, summed over windows; there when `relativePositionBias` is. */
  readonly dRelativePositionBias?: Tensor<Float32Array>;
  /** `[numHeads]`; there when `logitScale` is. */
  readonly dLogitScale?: Tensor<Float32Array>;
}

/**
 * Window attention on one backend. Same inputs give the same bits from run to run and for any number of threads. With
 * threads, calls run one after the other, and their tensors must stay as they are until they settle.
 */
export interface WindowAttention {
  readonly backend: 'wasm' | 'typescript';
  /** Threads in use. */
  readonly threads: number;
  readonly simd: 'simd' | 'relaxed-simd' | 'none';

  /**
   * `S = scale · q kᵀ + bias[h] + mask[b % nW]`, `P = softmax(S)` by rows, `o = P v`; with `logitScale`, Swin V2's
   * cosine attention. q, k, v: `[B, H, L, D]`, float32, float64, float16 or bfloat16; computed in float32.
   * Source: Flash Window Attention (arXiv 2501.06480), Algorithm 1.
   * Rejects with TypeError for what is no tensor or for `scale` beside `logitScale`, with RangeError for sizes that
   * disagree, an `out` that overlaps an input, or more memory than wasm32 has.
   */
  forward(args: AttentionArgs, options?: ForwardOptions): Promise<ForwardOutput>;

  /**
   * Gradients of `forward`, P recomputed. dO: `[B, H, L, D]`. Rejects as `forward` does.
   * Source: Flash Window Attention (arXiv 2501.06480), backward pass.
   */
  backward(args: AttentionBackwardArgs): Promise<BackwardOutput>;

  /**
   * Shifted-window attention over images, `qkv` `[B, Himg, Wimg, 3C]` → `[B, Himg, Wimg, C]`, float32: padding,
   * cyclic shift, partition, shift mask, attention, reverse and crop in one. Rejects as `forward` does.
   * Source: torchvision, `shifted_window_attention` between its two Linear layers.
   */
  shiftedWindowAttention(args: ShiftedWindowArgs): Promise<Tensor<Float32Array>>;

  /**
   * Gradients of `shiftedWindowAttention`. dO: `[B, Himg, Wimg, C]`; gradients of padded tokens are dropped. Rejects as
   * `forward` does.
   */
  shiftedWindowAttentionBackward(args: ShiftedWindowBackwardArgs): Promise<ShiftedWindowBackwardOutput>;

  /**
   * A float32 tensor of zeros in the kernel's memory, for calls without copies (a plain tensor on the TypeScript
   * backend). Its `data` must be read anew after calls that may have grown that memory.
   * @throws TypeError or RangeError for bad dims; RangeError for more memory than wasm32 has.
   */
  tensor(dims: readonly number[]): Tensor<Float32Array>;

  /** Frees memory and threads; calls after it reject. */
  dispose(): Promise<void>;
}
