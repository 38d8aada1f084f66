import { float64Tensor, product, type Tensor } from '../tensor/tensor.js';

/**
 * Cuts images into patches: `[B, channels, H, W]` → `[B, H/ph, W/pw, channels·ph·pw]`, zero-padded at the bottom and
 * right up to a multiple of the patch. With a Linear behind it, this is a convolution whose stride is its kernel.
 * Source: transformers, `SwinPatchEmbeddings`.
 */
export function patchesOf(
  pixels: Float64Array,
  [B, channels, H, W]: readonly [number, number, number, number],
  [ph, pw]: readonly [number, number],
): Tensor<Float64Array> {
  const rows = Math.ceil(H / ph);
  const columns = Math.ceil(W / pw);
  const patches = float64Tensor([B, rows, columns, channels * ph * pw]);
  for (let plane = 0; plane < B * channels; plane++) {
    const b = Math.floor(plane / channels);
    const c = plane % channels;
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        const patch = (b * rows + Math.floor(y / ph)) * columns + Math.floor(x / pw);
        const to = ((patch * channels + c) * ph + (y % ph)) * pw + (x % pw);
        patches.data[to] = pixels[(plane * H + y) * W + x] as number;
      }
    }
  }
  return patches;
}

/**
 * Gathers each 2 × 2 neighbourhood: `[B, H, W, C]` → `[B, ⌈H/2⌉, ⌈W/2⌉, 4C]`, its tokens ordered top left, bottom left,
 * top right, bottom right; odd sizes are padded with zeros. Source: Microsoft Swin-Transformer, `PatchMerging`.
 */
export function mergePatches({ data, dims }: Tensor<Float64Array>): Tensor<Float64Array> {
  const [B, H, W, C] = dims as [number, number, number, number];
  const rows = Math.ceil(H / 2);
  const columns = Math.ceil(W / 2);
  const merged = float64Tensor([B, rows, columns, 4 * C]);
  for (let token = 0; token < product([B, H, W]); token++) {
    const x = token % W;
    const y = Math.floor(token / W) % H;
    const b = Math.floor(token / (W * H));
    const to = ((b * rows + (y >> 1)) * columns + (x >> 1)) * 4 * C + ((y & 1) + 2 * (x & 1)) * C;
    merged.data.set(data.subarray(token * C, (token + 1) * C), to);
  }
  return merged;
}
