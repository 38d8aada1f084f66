import type { ShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import type { Architecture, StageShape } from './config.js';
import type { Convention } from './names.js';

/** How the shifted blocks of a stage shift: arguments of `shiftedWindowAttention`. */
export type ShiftArgs = Pick<ShiftedWindowArgs, 'shiftSize' | 'alwaysShift' | 'rollBeforePadding'>;

/** The window of a stage's blocks, and the shift of every other block. */
export interface WindowRule {
  readonly windowSize: readonly [number, number];
  /** For a feature map of H × W tokens. */
  shift(H: number, W: number): ShiftArgs;
}

/** What a model is run as: upstream's backbones shift where its classifiers do not. */
export type Purpose = 'classifier' | 'model' | 'backbone';

const NONE: ShiftArgs = { shiftSize: 0 };

/**
 * What upstream does where windows do not fit a feature map, or one window covers it.
 * - torchvision, `shifted_window_attention`: the rule of `shiftedWindowAttention`.
 * - transformers' Swin V1, `SwinLayer.set_shift_and_window_size`, Donut's, and MMPretrain's classifiers, `ShiftWindowMSA`:
 *   no shift where either axis is no longer than a window.
 * - Backbones shift always: Microsoft's for detection, `SwinTransformerBlock`, MMDetection's, `ShiftWindowMSA`, and
 *   transformers' Swin V1, `SwinBackbone` (`always_partition`).
 * The others decide by the size that the model was built for, shrink the window to it, and shift whatever the map is:
 * - transformers' Swin V2, `Swinv2Layer._compute_window_shift`: along both axes by the height.
 * - timm, `SwinTransformerBlock._calc_window_shift`: along each axis by itself; it rolls before it pads.
 * - Microsoft's classifiers, `SwinTransformerBlock.__init__`: along both axes by the smaller one.
 */
export function stageWindow(
  architecture: Architecture,
  stage: number,
  convention: Convention,
  purpose: Purpose,
): WindowRule {
  const { windowSize } = architecture.stages[stage] as StageShape;
  const { version, modelType } = architecture;
  const half = windowSize.map((w) => Math.floor(w / 2)) as [number, number];
  const isBackbone = purpose === 'backbone' || modelType === 'maskformer-swin';
  const always: WindowRule = { windowSize, shift: () => ({ shiftSize: half, alwaysShift: true }) };
  const unlessSmall: WindowRule = {
    windowSize,
    shift: (H, W) => (Math.min(H, W) <= Math.max(...windowSize) ? NONE : { shiftSize: half }),
  };
  switch (convention) {
    case 'torchvision':
      return { windowSize, shift: () => ({ shiftSize: half }) };
    case 'detection':
      return always;
    case 'openmmlab':
      return purpose === 'classifier' ? unlessSmall : always;
    case 'transformers':
      if (version === 1) return isBackbone ? always : unlessSmall;
      break;
    case 'microsoft':
      if (isBackbone) return always;
  }
  const [H, W] = resolutionOf(architecture, stage);
  const sizes = { microsoft: [Math.min(H, W), Math.min(H, W)], transformers: [H, H], timm: [H, W] }[convention];
  const shrunk = windowSize.map((w, axis) => Math.min(w, sizes[axis] as number)) as [number, number];
  const shiftSize = half.map((s, axis) => ((sizes[axis] as number) > (windowSize[axis] as number) ? s : 0));
  const shift = {
    shiftSize: shiftSize as [number, number],
    alwaysShift: true,
    rollBeforePadding: convention === 'timm',
  };
  return { windowSize: shrunk, shift: () => shift };
}

/** Tokens of a stage's feature map at the size that the model was built for. */
function resolutionOf({ imageSize, patchSize }: Architecture, stage: number): [number, number] {
  return imageSize.map((size, axis) => {
    return Math.max(1, Math.floor(Math.floor(size / (patchSize[axis] as number)) / 2 ** stage));
  }) as [number, number];
}
