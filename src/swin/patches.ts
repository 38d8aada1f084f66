import { message } from '../tensor/check.js';

/**
 * Rows and columns of patches. Source: transformers, `SwinPatchEmbeddings`, which pads with zeros up to a multiple of the
 * patch; torchvision's convolution floors.
 * @throws RangeError for an image without a whole patch where upstream floors.
 */
export function patchGrid(
  dims: readonly [number, number, number, number],
  patchSize: readonly [number, number],
  floors: boolean,
): [number, number] {
  const sizes = [dims[2] / patchSize[0], dims[3] / patchSize[1]] as const;
  if (!floors) return [Math.ceil(sizes[0]), Math.ceil(sizes[1])];
  if (sizes[0] < 1 || sizes[1] < 1) {
    throw new RangeError(message('pixelValues', `a patch of ${patchSize.join(' × ')} or more`, `[${dims.join(', ')}]`));
  }
  return [Math.floor(sizes[0]), Math.floor(sizes[1])];
}

/**
 * Cuts images into `grid` patches: `[B, channels, H, W]` → `patches` `[B, rows, columns, channels·ph·pw]`, what they lack
 * being zero. With a Linear behind it, this is a convolution whose stride is its kernel.
 */
export function patchesOf(
  pixels: Float32Array | Float64Array,
  [B, channels, H, W]: readonly [number, number, number, number],
  [ph, pw]: readonly [number, number],
  [rows, columns]: readonly [number, number],
  patches: Float32Array | Float64Array,
): void {
  if (H < rows * ph || W < columns * pw) patches.fill(0);
  for (let plane = 0; plane < B * channels; plane++) {
    const b = Math.floor(plane / channels);
    const c = plane % channels;
    for (let y = 0; y < Math.min(H, rows * ph); y++) {
      const firstPatch = (b * rows + Math.floor(y / ph)) * columns;
      const from = (plane * H + y) * W;
      for (let column = 0; column < columns; column++) {
        const to = (((firstPatch + column) * channels + c) * ph + (y % ph)) * pw;
        const width = Math.min(pw, W - column * pw);
        for (let x = 0; x < width; x++) patches[to + x] = pixels[from + column * pw + x] as number;
      }
    }
  }
}

/**
 * Gathers each 2 × 2 neighbourhood: `[B, H, W, C]` → `merged` `[B, ⌈H/2⌉, ⌈W/2⌉, 4C]`, its tokens ordered top left, bottom left,
 * top right, bottom right; odd sizes are padded with zeros. Source: Microsoft Swin-Transformer, `PatchMerging`.
 */
export function mergePatches<T extends Float32Array | Float64Array>(
  x: T,
  [B, H, W, C]: readonly [number, number, number, number],
  merged: T,
): void {
  const rows = Math.ceil(H / 2);
  const columns = Math.ceil(W / 2);
  if (H % 2 !== 0 || W % 2 !== 0) merged.fill(0);
  for (let token = 0; token < B * H * W; token++) {
    const column = token % W;
    const y = Math.floor(token / W) % H;
    const b = Math.floor(token / (W * H));
    const to = ((b * rows + (y >> 1)) * columns + (column >> 1)) * 4 * C + ((y & 1) + 2 * (column & 1)) * C;
    merged.set(x.subarray(token * C, (token + 1) * C), to);
  }
}
