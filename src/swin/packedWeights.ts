import type { KernelCore } from '../kernel/core.js';
import { CONSTANTS } from '../kernel/schema.js';
import { ELEMENT_TYPES, kernelInput } from '../kernel/staging.js';
import { releaseElements } from '../safetensors/releasable.js';
import { checkTensor } from '../tensor/check.js';
import { type TensorLike, widen } from '../tensor/tensor.js';
import type { Norm, Weight } from './layerWeights.js';
import { floats, isQuantized, type LinearWeight, quantized, type WeightDType } from './linearWeight.js';
import type { ModelKernels } from './modelKernels.js';

const { PANEL } = CONSTANTS;

/** A linear layer in kernel memory: weights in panels of 8 outputs, bias padded to them, 0 for none. */
export interface PackedLinear {
  readonly inputs: number;
  readonly outputs: number;
  readonly dtype: WeightDType;
  /** `[panel][inputs][8]`; of int8 `[panel][inputs / 2][8][2]`, an odd input padded. */
  readonly weights: number;
  /** Of int8, for every output, padded as `bias` is; else 0. */
  readonly scales: number;
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

  /**
   * Packs a layer, its weights as `dtype`, and releases them; where it is undefined, int8 stays int8 and all else becomes float32.
   * @throws RangeError where memory cannot grow so far, or for weights that int8 cannot hold.
   */
  linear(weight: LinearWeight, bias: Weight | undefined, dtype?: WeightDType | undefined): PackedLinear {
    const own = dtype ?? (isQuantized(weight) ? 'int8' : 'float32');
    const [outputs, inputs] = weight.dims as [number, number];
    const packed = own === 'int8' ? this.#packInt8(quantized(weight)) : this.#packFloats(floats(weight), own);
    releaseElements(weight);
    return { inputs, outputs, dtype: own, scales: 0, ...packed, bias: bias ? this.#padded(bias) : 0 };
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

  #packFloats(weight: TensorLike, dtype: Exclude<WeightDType, 'int8'>): { weights: number } {
    const { memory, exports } = this.core;
    const [outputs, inputs] = weight.dims as [number, number];
    const isHalf = dtype !== 'float32';
    const panelBytes = (isHalf ? 2 : 4) * PANEL * inputs;
    const weights = this.#allocate(Math.ceil(outputs / PANEL) * panelBytes);
    const source = kernelInput(this.core, checkTensor('weight', weight));
    const staged = memory.allocate(4 * PANEL * inputs);
    try {
      for (let first = 0; first < outputs; first += PANEL) {
        const rows = Math.min(PANEL, outputs - first);
        const to = weights + (first / PANEL) * panelBytes;
        const from = source.enter(staged, first * inputs, rows * inputs);
        if (isHalf) {
          exports.narrowHalf(ELEMENT_TYPES[dtype], from, staged, rows * inputs);
          this.kernels.packLinearHalf(staged, rows, inputs, to);
        } else this.kernels.packLinear(from, rows, inputs, to);
      }
    } finally {
      memory.free(staged);
    }
    return { weights };
  }

  #packInt8({ data, dims: [outputs, inputs], scales }: ReturnType<typeof quantized>) {
    const { memory } = this.core;
    const panelBytes = 2 * PANEL * Math.ceil(inputs / 2);
    const weights = this.#allocate(Math.ceil(outputs / PANEL) * panelBytes);
    const staged = memory.allocate(PANEL * inputs);
    try {
      for (let first = 0; first < outputs; first += PANEL) {
        const rows = Math.min(PANEL, outputs - first);
        memory.bytes(staged, rows * inputs).set(data.subarray(first * inputs, (first + rows) * inputs));
        this.kernels.packLinearInt8(staged, rows, inputs, weights + (first / PANEL) * panelBytes);
      }
    } finally {
      memory.free(staged);
    }
    return { weights, scales: this.#padded({ data: scales, dims: [outputs], type: 'float32' }) };
  }

  /** A number for every output, and zeros for those that fill the last panel. */
  #padded(tensor: TensorLike): number {
    const length = Math.ceil(tensor.data.length / PANEL) * PANEL;
    const pointer = this.#allocate(4 * length);
    this.core.memory.floats(pointer, length).fill(0);
    this.#copy(tensor, pointer);
    return pointer;
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
