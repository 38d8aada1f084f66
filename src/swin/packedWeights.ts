import type { KernelCore } from '../kernel/core.js';
import { CONSTANTS } from '../kernel/schema.js';
import { ELEMENT_TYPES, kernelInput } from '../kernel/staging.js';
import { releaseElements } from '../safetensors/releasable.js';
import { checkTensor } from '../tensor/check.js';
import { product, type TensorLike, widen } from '../tensor/tensor.js';
import {
  floats,
  isQuantized,
  type LinearWeight,
  type QuantizedWeight,
  quantized,
  type WeightDType,
} from './linearWeight.js';
import type { ModelKernels } from './modelKernels.js';

const { PANEL } = CONSTANTS;
/** Weights that are copied together: 128 KiB of float32, which stay in a core's cache, and few views for the host to collect. */
const STAGED_WEIGHTS = 32768;

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
  linear(weight: LinearWeight, bias: TensorLike | undefined, dtype?: WeightDType | undefined): PackedLinear {
    const own = dtype ?? (isQuantized(weight) ? 'int8' : 'float32');
    const layer = this.reserveLinear(weight.dims as [number, number], own, bias !== undefined);
    this.fillRows(layer, 0, weight);
    if (bias) this.fill(layer.bias, bias);
    return layer;
  }

  /** The place of a layer of `[outputs, inputs]`. @throws RangeError where memory cannot grow so far. */
  reserveLinear([outputs, inputs]: readonly [number, number], dtype: WeightDType, hasBias: boolean): PackedLinear {
    const panels = Math.ceil(outputs / PANEL);
    return {
      inputs,
      outputs,
      dtype,
      weights: this.#allocate(panels * panelBytes(dtype, inputs)),
      scales: dtype === 'int8' ? this.#zeros(panels * PANEL) : 0,
      bias: hasBias ? this.#zeros(panels * PANEL) : 0,
    };
  }

  /**
   * Packs matrices that are a layer's rows from `first` on, a multiple of 8, and releases them.
   * @throws RangeError for weights that int8 cannot hold.
   */
  fillRows(layer: PackedLinear, first: number, weight: LinearWeight): void {
    const { dtype, inputs, scales } = layer;
    const to = layer.weights + (first / PANEL) * panelBytes(dtype, inputs);
    if (dtype === 'int8') {
      const own = quantized(weight);
      this.#packInt8(own, to);
      this.core.memory.floats(scales + 4 * first, own.scales.length).set(own.scales);
    } else this.#packFloats(floats(weight), dtype, to);
    releaseElements(weight);
  }

  norm({ weight, bias, eps }: { weight: TensorLike; bias: TensorLike; eps: number }): PackedNorm {
    return { C: weight.dims[0] as number, weight: this.place(weight), bias: this.place(bias), eps };
  }

  /** A pointer to a copy, as float32. */
  place(tensor: TensorLike): number {
    const pointer = this.reserve(tensor.dims);
    this.fill(pointer, tensor);
    return pointer;
  }

  /** The place of a tensor of float32. */
  reserve(dims: readonly number[]): number {
    return this.#allocate(4 * product(dims));
  }

  /** Copies a tensor to its place, as float32. */
  fill(pointer: number, tensor: TensorLike): void {
    widen(tensor, this.core.memory.floats(pointer, tensor.data.length));
  }

  /** Frees the weights once no call runs that may use them. */
  release(): void {
    for (const pointer of this.#pointers.splice(0)) this.core.release(pointer);
  }

  #packFloats(weight: TensorLike, dtype: Exclude<WeightDType, 'int8'>, weights: number): void {
    const { memory, exports } = this.core;
    const [outputs, inputs] = weight.dims as [number, number];
    const isHalf = dtype !== 'float32';
    const source = kernelInput(this.core, checkTensor('weight', weight));
    const rowsAtOnce = PANEL * Math.max(1, Math.floor(STAGED_WEIGHTS / (PANEL * inputs)));
    const staged = memory.allocate(4 * Math.min(rowsAtOnce, outputs) * inputs);
    try {
      for (let start = 0; start < outputs; start += rowsAtOnce) {
        const end = Math.min(outputs, start + rowsAtOnce);
        let from = source.enter(staged, start * inputs, (end - start) * inputs);
        if (isHalf) {
          exports.narrowHalf(ELEMENT_TYPES[dtype], from, staged, (end - start) * inputs);
          from = staged;
        }
        const pack = isHalf ? this.kernels.packLinearHalf : this.kernels.packLinear;
        for (let first = start; first < end; first += PANEL) {
          const to = weights + (first / PANEL) * panelBytes(dtype, inputs);
          pack(from + (first - start) * inputs * (isHalf ? 2 : 4), Math.min(PANEL, end - first), inputs, to);
        }
      }
    } finally {
      memory.free(staged);
    }
  }

  #packInt8({ data, dims: [outputs, inputs] }: QuantizedWeight, weights: number): void {
    const { memory } = this.core;
    const staged = memory.allocate(PANEL * inputs);
    try {
      for (let first = 0; first < outputs; first += PANEL) {
        const rows = Math.min(PANEL, outputs - first);
        memory.bytes(staged, rows * inputs).set(data.subarray(first * inputs, (first + rows) * inputs));
        this.kernels.packLinearInt8(staged, rows, inputs, weights + (first / PANEL) * panelBytes('int8', inputs));
      }
    } finally {
      memory.free(staged);
    }
  }

  #zeros(length: number): number {
    const pointer = this.#allocate(4 * length);
    this.core.memory.floats(pointer, length).fill(0);
    return pointer;
  }

  #allocate(bytes: number): number {
    const pointer = this.core.memory.allocate(bytes);
    this.#pointers.push(pointer);
    return pointer;
  }
}

/** Bytes of 8 outputs' weights. */
function panelBytes(dtype: WeightDType, inputs: number): number {
  if (dtype === 'int8') return 2 * PANEL * Math.ceil(inputs / 2);
  return (dtype === 'float32' ? 4 : 2) * PANEL * inputs;
}
