/** One benchmarked problem; `nW` > 0 adds a mask of that many windows. */
export interface Shape {
  readonly name: string;
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  readonly nW: number;
}

const shape = (name: string, B: number, H: number, L: number, D: number, nW = 0): Shape => ({ name, B, H, L, D, nW });

/** Swin-T's stages at 224 × 224, Swin V2's windows, and the report's shapes. */
export const SHAPES: readonly Shape[] = [
  shape('Swin-T stage 1', 64, 3, 49, 32),
  shape('Swin-T stage 1, mask', 64, 3, 49, 32, 64),
  shape('Swin-T stage 2', 16, 6, 49, 32),
  shape('Swin-T stage 2, mask', 16, 6, 49, 32, 16),
  shape('Swin-T stage 3', 4, 12, 49, 32),
  shape('Swin-T stage 3, mask', 4, 12, 49, 32, 4),
  shape('Swin-T stage 4', 1, 24, 49, 32),
  shape('SwinV2-T window 8', 64, 3, 64, 32),
  shape('SwinV2-T window 16', 16, 3, 256, 32),
  shape('report, L = 64', 256, 4, 64, 64),
  shape('report, D = 256', 64, 4, 64, 256),
  shape('report, L = 16', 256, 4, 16, 64),
];

/** Floating-point operations of Q Kᵀ and P V. */
export function flops({ B, H, L, D }: Shape): number {
  return 4 * B * H * L * L * D;
}

export function title({ name, B, H, L, D }: Shape): string {
  return `${name} (${B}, ${H}, ${L}, ${D})`;
}
