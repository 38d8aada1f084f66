import type { KernelMemory } from '../kernel/memory.js';
import { CONSTANTS } from '../kernel/schema.js';
import { MAX_LOGIT_SCALE } from '../reference/scores.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/** Where a kernel call adds to dBias, (H, L, L padded to 8), and to dLogitScale, (H) float64; 0 for none. */
export interface SumPointers {
  readonly dBias: number;
  readonly dLogitScale: number;
}

/** What one part has added, from a head on. */
interface PartSums {
  readonly head: number;
  readonly bias: Float32Array | undefined;
  readonly logitScale: Float64Array | undefined;
}

/**
 * What the backward kernels sum over windows: dBias in float32 within one part, dLogitScale in float64, both in
 * float64 over the parts, in their order.
 */
export class GradientSums {
  /** Bytes of a kernel call's sums. */
  readonly biasBytes: number;
  readonly logitScaleBytes: number;
  readonly #paddedL: number;
  readonly #bias: Float64Array | undefined;
  readonly #logitScale: Float64Array | undefined;

  /** The part whose turn it is, and those that were done before their turn. */
  #next = 0;
  readonly #early = new Map<number, PartSums>();

  constructor(
    private readonly H: number,
    private readonly L: number,
    bias: TensorLike | undefined,
    private readonly logitScale: TensorLike | undefined,
  ) {
    this.#paddedL = Math.ceil(L / CONSTANTS.BIAS_PADDING) * CONSTANTS.BIAS_PADDING;
    this.biasBytes = bias ? 4 * H * L * this.#paddedL : 0;
    this.logitScaleBytes = logitScale ? 8 * H : 0;
    this.#bias = bias && new Float64Array(H * L * L);
    this.#logitScale = logitScale && new Float64Array(H);
  }

  /** Zeros what a kernel call adds to, for `count` heads from `head` on. */
  clear(memory: KernelMemory, { dBias, dLogitScale }: SumPointers, head = 0, count = this.H): void {
    const size = this.L * this.#paddedL;
    if (dBias) memory.floats(dBias + 4 * head * size, count * size).fill(0);
    if (dLogitScale) memory.doubles(dLogitScale + 8 * head, count).fill(0);
  }

  /** Adds what the call of a part left, for `count` heads from `head` on, once all parts before it were added. */
  add(memory: KernelMemory, part: number, { dBias, dLogitScale }: SumPointers, head = 0, count = this.H): void {
    const size = this.L * this.#paddedL;
    const sums = {
      head,
      bias: dBias ? memory.floats(dBias + 4 * head * size, count * size) : undefined,
      logitScale: dLogitScale ? memory.doubles(dLogitScale + 8 * head, count) : undefined,
    };
    if (part !== this.#next) {
      this.#early.set(part, { head, bias: sums.bias?.slice(), logitScale: sums.logitScale?.slice() });
      return;
    }
    for (let turn: PartSums | undefined = sums; turn; turn = this.#early.get(this.#next)) {
      this.#addPart(turn);
      this.#early.delete(this.#next++);
    }
  }

  result(): { readonly dBias?: Tensor<Float32Array>; readonly dLogitScale?: Tensor<Float32Array> } {
    const { H, L } = this;
    return {
      ...(this.#bias && { dBias: float32Tensor([H, L, L], Float32Array.from(this.#bias)) }),
      ...(this.#logitScale && { dLogitScale: float32Tensor([H], this.#belowCeiling(this.#logitScale)) }),
    };
  }

  #addPart({ head, bias, logitScale }: PartSums): void {
    const { L } = this;
    const sums = this.#bias;
    if (sums && bias) {
      const first = head * L * L;
      for (let row = 0; row * this.#paddedL < bias.length; row++) {
        for (let j = 0; j < L; j++) {
          const at = first + row * L + j;
          sums[at] = (sums[at] as number) + (bias[row * this.#paddedL + j] as number);
        }
      }
    }
    const scales = this.#logitScale;
    if (scales)
      logitScale?.forEach((sum, h) => {
        scales[head + h] = (scales[head + h] as number) + sum;
      });
  }

  /** Zero where the logit scale sits above its ceiling. */
  #belowCeiling(sums: Float64Array): Float32Array {
    const scales = toFloat64(this.logitScale as TensorLike);
    return Float32Array.from(sums, (sum, h) => ((scales[h] as number) > MAX_LOGIT_SCALE ? 0 : sum));
  }
}
