import {
  type CheckedShiftedWindowArgs,
  checkShiftedWindowArgs,
  checkShiftedWindowBackwardArgs,
  type ShiftedWindowArgs,
} from '../arguments/shiftedWindowArgs.js';
import { imageOfWindows, mergeHeads, shiftMask, splitHeads, windowsOfImage } from '../reference/imageWindows.js';
import { describe, message } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';

/** Inputs of a case over images: those of `shiftedWindowAttention`, and dO `[B, Himg, Wimg, C]` for gradients. */
export interface ImageCaseInputs extends ShiftedWindowArgs {
  readonly dO?: TensorLike | undefined;
}

/** Tensors that a kernel over images may return: as `shiftedWindowAttention` and its backward name them. */
export const IMAGE_OUTPUT_NAMES = ['o', 'dQkv', 'dRelativePositionBias', 'dLogitScale'] as const;
export type ImageOutputName = (typeof IMAGE_OUTPUT_NAMES)[number];
export type ImageCaseActuals = { readonly [name in ImageOutputName]?: TensorLike | undefined };

export function isImageCase(inputs: object): inputs is ImageCaseInputs {
  return 'qkv' in inputs && inputs.qkv !== undefined;
}

/** An image case after every check, with the windows that its images are cut into. */
export interface ImageWindows {
  readonly checked: CheckedShiftedWindowArgs;
  /** Arguments of `windowAttention` over the windows, padded tokens included. */
  readonly inputs: {
    readonly q: Tensor;
    readonly k: Tensor;
    readonly v: Tensor;
    readonly bias: TensorLike | undefined;
    readonly mask: Tensor | undefined;
    readonly scale: number | undefined;
    readonly logitScale: TensorLike | undefined;
    readonly dO: Tensor | undefined;
  };
}

/**
 * Cuts the images of a case into windows as `shiftedWindowAttention` does.
 * @throws TypeError and RangeError as `shiftedWindowAttention`, and a TypeError where gradients are asked for without dO.
 */
export function windowsOfCase(inputs: ImageCaseInputs, withGradients: boolean): ImageWindows {
  const { dO, ...forward } = inputs;
  if (withGradients && dO === undefined)
    throw new TypeError(message('dO', 'a tensor beside actual gradients', describe(dO)));
  const checked = checkShiftedWindowArgs(forward);
  const { grid, numHeads, relativePositionBias: bias, scale, logitScale, paddingQkv } = checked;
  const windows = windowsOfImage(checked.qkv, grid, paddingQkv && toFloat64(paddingQkv));
  const [q, k, v] = splitHeads(windows, 3, numHeads, grid.L) as [Tensor, Tensor, Tensor];
  const cut = withGradients && dO ? checkShiftedWindowBackwardArgs({ ...forward, dO }).dO : undefined;
  const dOWindows = cut && splitHeads(windowsOfImage(cut, grid), 1, numHeads, grid.L)[0];
  return { checked, inputs: { q, k, v, bias, mask: shiftMask(checked), scale, logitScale, dO: dOWindows } };
}

/** Outputs over windows as outputs over images, by their names there; `lse` has none. */
export function imageOutputs(
  outputs: { readonly [name: string]: Float64Array | undefined },
  { checked, inputs }: ImageWindows,
): { [name in ImageOutputName]?: Tensor } {
  const { grid, Himg, Wimg, numHeads, relativePositionBias, logitScale } = checked;
  const merged = (...names: string[]) => {
    const parts = names.map((name) => outputs[name] && float64Tensor(inputs.q.dims, outputs[name]));
    if (parts.some((part) => part === undefined)) return undefined;
    const windows = mergeHeads(parts as [Tensor<Float64Array>], grid.windowSize);
    return imageOfWindows(windows, grid, Himg, Wimg);
  };
  const { dBias, dLogitScale } = outputs;
  const o = merged('o');
  const dQkv = merged('dQ', 'dK', 'dV');
  return {
    ...(o && { o }),
    ...(dQkv && { dQkv }),
    ...(relativePositionBias && dBias && { dRelativePositionBias: float64Tensor(relativePositionBias.dims, dBias) }),
    ...(logitScale && dLogitScale && { dLogitScale: float64Tensor([numHeads], dLogitScale) }),
  };
}
