import type { TensorLike } from '../tensor/tensor.js';
import type { StateDict } from './stateDict.js';

/** A weight as it came: float32, float16 or bfloat16. */
export type Weight = TensorLike;

/** A linear layer. */
export interface Affine {
  readonly weight: Weight;
  readonly bias: Weight;
}

/** A layer norm. */
export interface Norm extends Affine {
  readonly eps: number;
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

export function suffixed(names: readonly string[], suffix: string): string[] {
  return names.map((name) => `${name}.${suffix}`);
}
