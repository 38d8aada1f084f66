import type { CheckedShiftedWindowArgs, WindowGrid } from '../arguments/shiftedWindowArgs.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { cyclicShift } from './cyclicShift.js';
import { shiftedWindowMask } from './shiftedWindowMask.js';
import { windowPartition, windowReverse } from './windowPartition.js';

type Image = Tensor<Float64Array>;

/**
 * pad → cyclic shift → windowPartition: `[B, Himg, Wimg, C]` → `[B·nW, Wh, Ww, C]`, padding tokens being `padding` (C).
 * Source: torchvision, `shifted_window_attention`. With `rollBeforePadding` the shift goes first: timm,
 * `SwinTransformerBlock._attn`.
 */
export function windowsOfImage(image: TensorLike, grid: WindowGrid, padding?: Float64Array): Image {
  const shift = [-grid.shiftSize[0], -grid.shiftSize[1]] as const;
  const shifted = grid.rollBeforePadding
    ? padImage(cyclicShift(image, shift), grid, padding)
    : cyclicShift(padImage(image, grid, padding), shift);
  return windowPartition(shifted, grid.windowSize);
}

/** windowReverse → shift back → crop: the inverse of `windowsOfImage`, padding dropped. */
export function imageOfWindows(windows: Image, grid: WindowGrid, Himg: number, Wimg: number): Image {
  const { windowSize, shiftSize, paddedHeight, paddedWidth } = grid;
  const padded = windowReverse(windows, windowSize, paddedHeight, paddedWidth);
  return grid.rollBeforePadding
    ? cyclicShift(cropImage(padded, Himg, Wimg), shiftSize)
    : cropImage(cyclicShift(padded, shiftSize), Himg, Wimg);
}

/**
 * The mask of a shifted grid; undefined where there is no shift, or no image. Regions are those of the padded image, in
 * timm too (`SwinTransformerBlock.get_attn_mask`), which shifts before it pads.
 */
export function shiftMask({ B, grid }: CheckedShiftedWindowArgs): Image | undefined {
  const { windowSize, shiftSize, paddedHeight, paddedWidth } = grid;
  if (B === 0 || (shiftSize[0] === 0 && shiftSize[1] === 0)) return undefined;
  return shiftedWindowMask(paddedHeight, paddedWidth, windowSize, shiftSize);
}

/** `[windows, Wh, Ww, parts·H·D]` → `parts` tensors `[windows, H, L, D]`, such as q, k and v. */
export function splitHeads(windows: Image, parts: number, H: number, L: number): [Image, ...Image[]] {
  const { data, dims } = windows;
  const D = (dims[3] as number) / (parts * H);
  const split = Array.from({ length: parts }, () => float64Tensor([dims[0] as number, H, L, D]));
  forEachRow(split as [Image, ...Image[]], (part, row, column) => {
    split[part]?.data.set(data.subarray(column, column + D), row);
  });
  return split as [Image, ...Image[]];
}

/** Inverse of `splitHeads`. */
export function mergeHeads(parts: readonly [Image, ...Image[]], windowSize: readonly [number, number]): Image {
  const [windows, H, , D] = parts[0].dims as [number, number, number, number];
  const merged = float64Tensor([windows, ...windowSize, parts.length * H * D]);
  forEachRow(parts, (part, row, column) => {
    merged.data.set((parts[part] as Image).data.subarray(row, row + D), column);
  });
  return merged;
}

/** Visits every row of D features with its place in its part (windows, H, L, D) and in (windows, L, parts, H, D). */
function forEachRow(
  parts: readonly [Image, ...Image[]],
  visit: (part: number, row: number, column: number) => void,
): void {
  const [windows, H, L, D] = parts[0].dims as [number, number, number, number];
  for (let i = 0; i < windows * H * L; i++) {
    const token = i % L;
    const h = Math.floor(i / L) % H;
    const window = Math.floor(i / (L * H));
    for (let part = 0; part < parts.length; part++) {
      visit(part, i * D, (((window * L + token) * parts.length + part) * H + h) * D);
    }
  }
}

/** Pads at the bottom and right with `padding` (C), or zeros. */
function padImage(image: TensorLike, { paddedHeight, paddedWidth }: WindowGrid, padding?: Float64Array): Image {
  const [B, H, W, C] = image.dims as [number, number, number, number];
  const data = toFloat64(image);
  const padded = float64Tensor([B, paddedHeight, paddedWidth, C]);
  for (let b = 0; b < B; b++) {
    for (let y = 0; y < paddedHeight; y++) {
      for (let x = 0; x < paddedWidth; x++) {
        const from = ((b * H + y) * W + x) * C;
        const token = y < H && x < W ? data.subarray(from, from + C) : padding;
        if (token) padded.data.set(token, ((b * paddedHeight + y) * paddedWidth + x) * C);
      }
    }
  }
  return padded;
}

function cropImage({ data, dims }: Image, Himg: number, Wimg: number): Image {
  const [B, H, W, C] = dims as [number, number, number, number];
  const cropped = float64Tensor([B, Himg, Wimg, C]);
  for (let b = 0; b < B; b++) {
    for (let y = 0; y < Himg; y++) {
      const from = (b * H + y) * W * C;
      cropped.data.set(data.subarray(from, from + Wimg * C), (b * Himg + y) * Wimg * C);
    }
  }
  return cropped;
}
