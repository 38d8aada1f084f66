import type { Architecture } from './config.js';
import type { Convention } from './names.js';

/** The window of a stage's blocks, and the shift of every other block. */
export interface WindowRule {
  readonly windowSize: readonly [number, number];
  /** For a feature map of H × W tokens. */
  shiftSize(H: number, W: number): readonly [number, number];
}

/**
 * What upstream does where a feature map is no larger than a window. torchvision's rule is that of
 * `shiftedWindowAttention`; transformers' Swin V1 drops both shifts where either axis fits one window; the others decide
 * by the size that the model was built for, and shrink the window too: Microsoft along both axes by the smaller one,
 * transformers' Swin V2 along both by the height, timm along each by itself.
 */
export function stageWindow(architecture: Architecture, stage: number, convention: Convention): WindowRule {
  const { windowSize, version } = architecture;
  const half = (size: readonly [number, number]) => size.map((w) => Math.floor(w / 2)) as [number, number];
  const none = [0, 0] as const;
  if (convention === 'torchvision') return { windowSize, shiftSize: () => half(windowSize) };
  if (convention === 'transformers' && version === 1) {
    return {
      windowSize,
      shiftSize: (H, W) => (Math.min(H, W) <= Math.max(...windowSize) ? none : half(windowSize)),
    };
  }
  const [H, W] = resolutionOf(architecture, stage);
  const sizes = { microsoft: [Math.min(H, W), Math.min(H, W)], transformers: [H, H], timm: [H, W] }[convention];
  const shrunk = windowSize.map((w, axis) => Math.min(w, sizes[axis] as number)) as [number, number];
  const shift = half(windowSize).map((s, axis) => ((sizes[axis] as number) > (windowSize[axis] as number) ? s : 0));
  return { windowSize: shrunk, shiftSize: () => shift as [number, number] };
}

/** Tokens of a stage's feature map at the size that the model was built for. */
function resolutionOf({ imageSize, patchSize }: Architecture, stage: number): [number, number] {
  return imageSize.map((size, axis) => {
    return Math.max(1, Math.floor(Math.floor(size / (patchSize[axis] as number)) / 2 ** stage));
  }) as [number, number];
}
