import type { Kernel } from '../kernel/kernel.js';
import { kernelInput } from '../kernel/staging.js';
import type { TensorLike } from '../tensor/tensor.js';
import type { Norm, Weight } from './layerWeights.js';

const PANEL = 8;

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

/** Packs a layer into memory that stays. @throws RangeError where memory cannot grow so far. */
export function packLinear(kernel: Kernel, weight: Weight, bias: Weight | undefined): PackedLinear {
  const { memory, exports } = kernel;
  const [outputs, inputs] = weight.dims as [number, number];
  const panels = Math.ceil(outputs / PANEL);
  const weights = memory.reserve(4 * panels * PANEL * inputs);
  const packedBias = bias ? memory.reserve(4 * panels * PANEL) : 0;
  const mark = memory.mark();
  try {
    const { at } = memory.work({ rows: 4 * PANEL * inputs });
    const rows = kernelInput(kernel, weight);
    for (let first = 0; first < outputs; first += PANEL) {
      const count = Math.min(PANEL, outputs - first);
      const from = rows.enter(at.rows, first * inputs, count * inputs);
      exports.packLinear(from, count, inputs, weights + 4 * first * inputs);
    }
    if (bias) {
      memory.floats(packedBias, panels * PANEL).fill(0);
      kernelInput(kernel, bias).enter(packedBias, 0, outputs);
    }
  } finally {
    memory.release(mark);
  }
  return { inputs, outputs, weights, bias: packedBias };
}

export function packNorm(kernel: Kernel, { weight, bias, eps }: Norm): PackedNorm {
  return { C: weight.dims[0] as number, weight: place(kernel, weight), bias: place(kernel, bias), eps };
}

/** A copy in kernel memory that stays, as float32. */
export function place(kernel: Kernel, tensor: TensorLike): number {
  const length = tensor.data.length;
  const pointer = kernel.memory.reserve(4 * length);
  return kernelInput(kernel, tensor).enter(pointer, 0, length);
}
