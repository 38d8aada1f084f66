import { float32Tensor, type Tensor } from '../tensor/tensor.js';

/** A feature map in kernel memory: `[B, H, W, C]`. */
export interface FeatureMap {
  readonly B: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
}

export function tokensOf({ B, H, W }: FeatureMap): number {
  return B * H * W;
}

/** `[B, H, W, C]` → `[B, C, H, W]`. */
export function channelsFirst({ data, dims }: Tensor<Float32Array>): Tensor<Float32Array> {
  const [B, H, W, C] = dims as [number, number, number, number];
  const map = float32Tensor([B, C, H, W]);
  for (let plane = 0; plane < B * C; plane++) {
    const first = Math.floor(plane / C) * H * W * C + (plane % C);
    for (let i = 0; i < H * W; i++) map.data[plane * H * W + i] = data[first + i * C] as number;
  }
  return map;
}

/** The feature map behind a patch merging. */
export function halved({ B, H, W, C }: FeatureMap): FeatureMap {
  return { B, H: Math.ceil(H / 2), W: Math.ceil(W / 2), C: 2 * C };
}
