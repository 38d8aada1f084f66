import type { LinearWeight } from '../../src/swin/linearWeight.js';
import { present } from '../../src/swin/pending.js';
import type { TensorLike } from '../../src/tensor/tensor.js';

/** A linear layer whose tensors have come. */
export function arrivedLayer(weight: LinearWeight, bias: TensorLike | undefined) {
  return { weight: [present(weight)], bias: bias && present(bias) };
}

/** A layer norm whose tensors have come. */
export function arrivedNorm({ weight, bias }: { readonly weight: TensorLike; readonly bias: TensorLike }, eps: number) {
  return { weight: present(weight), bias: present(bias), eps };
}
