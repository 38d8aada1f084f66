import type { KernelCore } from '../kernel/core.js';
import { CONSTANTS } from '../kernel/schema.js';
import { kernelInput } from '../kernel/staging.js';
import { checkTensor } from '../tensor/check.js';
import { type TensorLike, widen } from '../tensor/tensor.js';
import type { Norm, Weight } from './layerWeights.js';
import type { ModelKernels } from './modelKernels.js';

const { PANEL } = CONSTANTS;

/** A linear layer in kernel memory: weights in panels of 8 outputs `[panel][inputs][8]`, bias padded to them, 0 for none. */
export interface PackedLinear {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: number;
  readonly bias: number;
}

/** A layer norm in kernel memory. */
export interface PackedNorm {
  readonly C: number;
  readonly weight: number;
  readonly bias: number;
  readonly eps: number;
}

/** Weights in kernel memory, which stay until `release`. */
export class PackedWeights {
  readonly #pointers: number[] = [];

  constructor(
    private readonly core: KernelCore,
    private readonly kernels: ModelKernels,
  ) {}

  /** Packs a layer. @throws RangeError where memory cannot grow so far. */
  linear(weight: Weight, bias: Weight | undefined): PackedLinear {
    const { memory } = this.core;
    const [outputs, inputs] = weight.dims as [number, number];
    const panels = Math.ceil(outputs / PANEL);
    const weights = this.#allocate(4 * panels * PANEL * inputs);
    const packedBias = bias ? this.#allocate(4 * panels * PANEL) : 0;
    const rows = kernelInput(this.core, checkTensor('weight', weight));
    const staged = memory.allocate(4 * PANEL * inputs);
    try {
      for (let first = 0; first < outputs; first += PANEL) {
        const count = Math.min(PANEL, outputs - first);
        const from = rows.enter(staged, first * inputs, count * inputs);
        this.kernels.packLinear(from, count, inputs, weights + 4 * first * inputs);
      }
    } finally {
      memory.free(staged);
    }
    if (bias) {
      memory.floats(packedBias, panels * PANEL).fill(0);
      this.#copy(bias, packedBias);
    }
    return { inputs, outputs, weights, bias: packedBias };
  }

  norm({ weight, bias, eps }: Norm): PackedNorm {
    return { C: weight.dims[0] as number, weight: this.place(weight), bias: this.place(bias), eps };
  }

  /** A pointer to a copy, as float32. */
  place(tensor: TensorLike): number {
    const pointer = this.#allocate(4 * tensor.data.length);
    this.#copy(tensor, pointer);
    return pointer;
  }

  /** Frees the weights once no call runs that may use them. */
  release(): void {
    for (const pointer of this.#pointers.splice(0)) this.core.release(pointer);
  }

  #allocate(bytes: number): number {
    const pointer = this.core.memory.allocate(bytes);
    this.#pointers.push(pointer);
    return pointer;
  }

  #copy(tensor: TensorLike, pointer: number): void {
    widen(tensor, this.core.memory.floats(pointer, tensor.data.length));
  }
}
