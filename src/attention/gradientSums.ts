import { MAX_LOGIT_SCALE } from '../reference/scores.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import type { KernelMemory } from './kernelMemory.js';

/**
 * What the backward kernels sum over windows: dBias in float32 within one kernel call, dLogitScale in float64, both in
 * float64 over the calls, in their order.
 */
export class GradientSums {
  /** Bytes of the kernel's dBias, (H, L, L padded to 8), and of its dLogitScale, (H); 0 for none. */
  readonly biasBytes: number;
  readonly logitScaleBytes: number;
  readonly #paddedL: number;
  readonly #bias: Float64Array | undefined;
  readonly #logitScale: Float64Array | undefined;

  constructor(
    private readonly H: number,
    private readonly L: number,
    bias: TensorLike | undefined,
    private readonly logitScale: TensorLike | undefined,
  ) {
    this.#paddedL = Math.ceil(L / 8) * 8;
    this.biasBytes = bias ? 4 * H * L * this.#paddedL : 0;
    this.logitScaleBytes = logitScale ? 8 * H : 0;
    this.#bias = bias && new Float64Array(H * L * L);
    this.#logitScale = logitScale && new Float64Array(H);
  }

  /** Zeros what the next kernel call adds to. */
  clear(memory: KernelMemory, dBias: number, dLogitScale: number): void {
    if (dBias) memory.floats(dBias, this.biasBytes / 4).fill(0);
    if (dLogitScale) memory.doubles(dLogitScale, this.H).fill(0);
  }

  /** Adds what a kernel call left. */
  add(memory: KernelMemory, dBias: number, dLogitScale: number): void {
    if (this.#bias) this.#addRows(this.#bias, memory.floats(dBias, this.biasBytes / 4));
    if (!this.#logitScale) return;
    const part = memory.doubles(dLogitScale, this.H);
    for (let h = 0; h < this.H; h++) this.#logitScale[h] = (this.#logitScale[h] as number) + (part[h] as number);
  }

  result(): { readonly dBias?: Tensor<Float32Array>; readonly dLogitScale?: Tensor<Float32Array> } {
    const { H, L } = this;
    return {
      ...(this.#bias && { dBias: float32Tensor([H, L, L], Float32Array.from(this.#bias)) }),
      ...(this.#logitScale && { dLogitScale: float32Tensor([H], this.#belowCeiling(this.#logitScale)) }),
    };
  }

  #addRows(sums: Float64Array, rows: Float32Array): void {
    const { L } = this;
    for (let row = 0; row < this.H * L; row++) {
      for (let j = 0; j < L; j++) {
        sums[row * L + j] = (sums[row * L + j] as number) + (rows[row * this.#paddedL + j] as number);
      }
    }
  }

  /** Zero where the logit scale sits above its ceiling. */
  #belowCeiling(sums: Float64Array): Float32Array {
    const scales = toFloat64(this.logitScale as TensorLike);
    return Float32Array.from(sums, (sum, h) => ((scales[h] as number) > MAX_LOGIT_SCALE ? 0 : sum));
  }
}
