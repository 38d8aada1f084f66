import type { KernelCore } from '../kernel/core.js';
import { overlaps } from '../kernel/staging.js';
import { type CheckedTensor, checkDims, message } from '../tensor/check.js';
import { type FloatData, float32Tensor, type Tensor, type TensorLike } from '../tensor/tensor.js';

/** Where an operation writes its one large result. */
export interface Output {
  readonly checked: CheckedTensor;
  /** Whether the caller gave it: it may share memory with an input then. */
  readonly isGiven: boolean;
  /** What the caller gets: `out` itself, its type filled in where it had none. */
  readonly result: Tensor<FloatData>;
}

/**
 * The checked `out`, or a new float32 tensor of `dims`.
 * @throws TypeError for what is no float tensor; RangeError for other dims.
 */
export function outputOf(out: TensorLike | undefined, legend: string, dims: readonly number[]): Output {
  const checked = checkDims('out', out ?? float32Tensor(dims), legend, dims);
  const { source, type } = checked;
  const result = source.type === undefined ? { data: source.data, dims: source.dims, type } : source;
  return { checked, isGiven: out !== undefined, result: result as Tensor<FloatData> };
}

/** @throws RangeError where the output shares memory with one of `inputs`. */
export function checkOverlaps(
  core: KernelCore | undefined,
  { checked, isGiven }: Output,
  inputs: Readonly<Record<string, CheckedTensor | undefined>>,
): void {
  if (!isGiven) return;
  for (const [name, input] of Object.entries(inputs)) {
    if (input && overlaps(core, checked, input)) {
      throw new RangeError(message('out', 'memory of its own', `memory of "${name}"`));
    }
  }
}
