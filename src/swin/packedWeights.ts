import type { KernelCore } from '../kernel/core.js';
import { CONSTANTS } from '../kernel/schema.js';
import { ELEMENT_TYPES, kernelInput } from '../kernel/staging.js';
import { releaseElements } from '../safetensors/releasable.js';
import { checkTensor } from '../tensor/check.js';
import { product, type TensorLike, widen } from '../tensor/tensor.js';
import type { Linear, Norm, Weight } from './layerWeights.js';
import {
  floats,
  type LinearWeight,
  type QuantizedWeight,
  quantized,
  stacked,
  type WeightDType,
} from './linearWeight.js';
import type { ModelKernels } from './modelKernels.js';
import { joined } from './pending.js';

const { PANEL } = CONSTANTS;
/** Weights that are copied together: 128 KiB of float32, which stay in a core's cache, and few views for the host to collect. */
const STAGED_WEIGHTS = 32768;

/** A linear layer as it comes, with or without a bias. */
interface LinearSource extends Pick<Linear, 'weight'> {
  readonly bias: Weight | undefined;
}

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
   * Reserves the place of a layer, its weights as `dtype`, where these are packed and released as they come; where it is
   * undefined, int8 stays int8 and all else becomes float32.
   * @throws RangeError where memory cannot grow so far, or for weights that int8 cannot hold.
   */
  linear({ weight, bias }: LinearSource, dtype?: WeightDType | undefined): PackedLinear {
    const sizes = weight.map(({ dims }) => dims as readonly [number, number]);
    const outputs = sizes.reduce((sum, [rows]) => sum + rows, 0);
    const inputs = sizes[0]?.[1] as number;
    const own = dtype ?? (weight.every(({ type }) => type === 'int8') ? 'int8' : 'float32');
    const panels = Math.ceil(outputs / PANEL);
    const layer: PackedLinear = {
      inputs,
      outputs,
      dtype: own,
      weights: this.#allocate(panels * panelBytes(own, inputs)),
      scales: own === 'int8' ? this.#zeros(panels * PANEL) : 0,
      bias: bias ? this.#zeros(panels * PANEL) : 0,
    };
    // Matrices that fill panels are packed as each comes; others share some, and wait for one another.
    const fillPanels = sizes.every(([rows], i) => i === sizes.length - 1 || rows % PANEL === 0);
    const parts = fillPanels ? weight : [joined(weight, { dims: [outputs, inputs] }, stacked)];
    let first = 0;
    for (const part of parts) {
      const start = first;
      part.use((matrix) => this.#fillRows(layer, start, matrix));
      first += part.dims[0] as number;
    }
    bias?.use((tensor) => this.#fill(layer.bias, tensor));
    return layer;
  }

  norm({ weight, bias, eps }: Norm): PackedNorm {
    return { C: weight.dims[0] as number, weight: this.place(weight), bias: this.place(bias), eps };
  }

  /** A pointer to where a copy is, as float32, once the tensor has come. */
  place(tensor: Weight): number {
    const pointer = this.#allocate(4 * product(tensor.dims));
    tensor.use((own) => this.#fill(pointer, own));
    return pointer;
  }

  /** Frees the weights once no call runs that may use them. */
  release(): void {
    for (const pointer of this.#pointers.splice(0)) this.core.release(pointer);
  }

  /** Packs matrices that are a layer's rows from `first` on, a multiple of 8, and releases them. */
  #fillRows(layer: PackedLinear, first: number, weight: LinearWeight): void {
    const { dtype, inputs, scales } = layer;
    const to = layer.weights + (first / PANEL) * panelBytes(dtype, inputs);
    if (dtype === 'int8') {
      const own = quantized(weight);
      this.#packInt8(own, to);
      this.core.memory.floats(scales + 4 * first, own.scales.length).set(own.scales);
    } else this.#packFloats(floats(weight), dtype, to);
    releaseElements(weight);
  }

  #fill(pointer: number, tensor: TensorLike): void {
    widen(tensor, this.core.memory.floats(pointer, tensor.data.length));
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
