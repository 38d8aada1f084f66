import { checkShiftedWindowArgs, type ShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { float64Tensor, product, type Tensor, toFloat64 } from '../tensor/tensor.js';
import { cyclicShift } from './cyclicShift.js';
import { shiftedWindowMask } from './shiftedWindowMask.js';
import { windowAttention } from './windowAttention.js';
import { windowPartition, windowReverse } from './windowPartition.js';

/**
 * Shifted-window attention over an image, step by step in float64:
 * pad → cyclic shift → windowPartition → attention with the shift mask → windowReverse → shift back → crop.
 *
 * `qkv` `[B, Himg, Wimg, 3C]` → `[B, Himg, Wimg, C]`, heads merged head-major.
 * Source: torchvision, `shifted_window_attention` between its two Linear layers.
 * @throws TypeError for a wrong type or `scale` beside `logitScale`; RangeError for sizes that disagree.
 */
export function shiftedWindowAttention(args: ShiftedWindowArgs): Tensor<Float64Array> {
  const { B, Himg, Wimg, C, numHeads, headDim, grid, ...checked } = checkShiftedWindowArgs(args);
  const { windowSize, shiftSize, paddedHeight, paddedWidth, L } = grid;
  const padding = checked.paddingQkv && toFloat64(checked.paddingQkv);
  const padded = padImage(toFloat64(checked.qkv), [B, Himg, Wimg, 3 * C], paddedHeight, paddedWidth, padding);
  const windows = windowPartition(cyclicShift(padded, negate(shiftSize)), windowSize);
  const [q, k, v] = splitHeads(windows.data, numHeads, L, headDim);
  const isShifted = shiftSize[0] > 0 || shiftSize[1] > 0;
  const { o } = windowAttention({
    q,
    k,
    v,
    bias: checked.relativePositionBias,
    mask: isShifted && B > 0 ? shiftedWindowMask(paddedHeight, paddedWidth, windowSize, shiftSize) : undefined,
    scale: checked.scale,
    logitScale: checked.logitScale,
  });
  const merged = mergeHeads(o, windowSize);
  const image = cyclicShift(windowReverse(merged, windowSize, paddedHeight, paddedWidth), shiftSize);
  return cropImage(image, Himg, Wimg);
}

/** Pads `[B, H, W, C]` at the bottom and right with `padding` (C), or zeros. */
function padImage(
  data: Float64Array,
  [B, H, W, C]: readonly [number, number, number, number],
  paddedHeight: number,
  paddedWidth: number,
  padding: Float64Array | undefined,
): Tensor<Float64Array> {
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

function cropImage({ data, dims }: Tensor<Float64Array>, Himg: number, Wimg: number): Tensor<Float64Array> {
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

/** (windows, L, 3, H, D) → q, k and v of `[windows, H, L, D]`. */
function splitHeads(
  qkv: Float64Array,
  H: number,
  L: number,
  D: number,
): [Tensor<Float64Array>, Tensor<Float64Array>, Tensor<Float64Array>] {
  const windows = qkv.length / (L * 3 * H * D);
  const part = (which: number) => {
    const tensor = float64Tensor([windows, H, L, D]);
    for (let row = 0; row < windows * L; row++) {
      for (let h = 0; h < H; h++) {
        const from = ((row * 3 + which) * H + h) * D;
        const window = Math.floor(row / L);
        tensor.data.set(qkv.subarray(from, from + D), ((window * H + h) * L + (row % L)) * D);
      }
    }
    return tensor;
  };
  return [part(0), part(1), part(2)];
}

/** `[windows, H, L, D]` → `[windows, Wh, Ww, H·D]`. */
function mergeHeads({ data, dims }: Tensor<Float64Array>, windowSize: readonly [number, number]): Tensor<Float64Array> {
  const [windows, H, L, D] = dims as [number, number, number, number];
  const merged = float64Tensor([windows, ...windowSize, H * D]);
  for (let row = 0; row < product([windows, H, L]); row++) {
    const token = row % L;
    const h = Math.floor(row / L) % H;
    const window = Math.floor(row / (L * H));
    merged.data.set(data.subarray(row * D, (row + 1) * D), ((window * L + token) * H + h) * D);
  }
  return merged;
}

function negate([dy, dx]: readonly [number, number]): [number, number] {
  return [-dy, -dx];
}
