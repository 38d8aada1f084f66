import { float32Tensor, type TensorLike } from '../tensor/tensor.js';
import type { LinearWeight } from './linearWeight.js';
import { type Pending, present } from './pending.js';
import type { StateDict } from './stateDict.js';

/** A weight as it comes: float32, float16 or bfloat16. */
export type Weight = Pending<TensorLike>;

/** A weight and a bias for each of its first axis. */
export interface Affine {
  readonly weight: Weight;
  readonly bias: Weight;
}

/** A linear layer. */
export interface Linear {
  /** `[out, in]`, whole or as matrices whose rows follow one another; int8 or floats. */
  readonly weight: readonly Pending<LinearWeight>[];
  readonly bias: Weight;
}

/** A layer norm. */
export interface Norm extends Affine {
  readonly eps: number;
}

/** `weight` `[out, in]` and `bias` `[out]`. */
export function linearLayer(dict: StateDict, names: readonly string[], dims: readonly [number, number]): Linear {
  return {
    weight: [dict.takeMatrix(suffixed(names, 'weight'), dims)],
    bias: dict.take(suffixed(names, 'bias'), dims.slice(0, 1)),
  };
}

/** `weight` of these dims and `bias` of the first of them. */
export function affine(dict: StateDict, names: string | readonly string[], dims: readonly number[]): Affine {
  const candidates = typeof names === 'string' ? [names] : names;
  return {
    weight: dict.take(suffixed(candidates, 'weight'), dims),
    bias: dict.take(suffixed(candidates, 'bias'), dims.slice(0, 1)),
  };
}

export function norm(dict: StateDict, names: string | readonly string[], C: number, eps: number): Norm {
  return { ...affine(dict, names, [C]), eps };
}

/** A vector of `C` equal numbers, which no file has. */
export function constant(C: number, value: number): Weight {
  return present(float32Tensor([C], new Float32Array(C).fill(value)));
}

export function suffixed(names: readonly string[], suffix: string): string[] {
  return names.map((name) => `${name}.${suffix}`);
}
