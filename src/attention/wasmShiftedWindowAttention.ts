import {
  type CheckedShiftedWindowArgs,
  checkShiftedWindowArgs,
  type ShiftedWindowArgs,
} from '../arguments/shiftedWindowArgs.js';
import { float32Tensor, type Tensor, type TensorLike, widen } from '../tensor/tensor.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactors } from './logitFactors.js';
import { HALF_TYPES } from './staging.js';

/** Bytes of image lines, in and out, that are handled at a time. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * The fused kernel over bands of windows. The lines of a band are copied to the kernel's memory, unless the image is
 * there already; shift, padding and partition are a table of pointers to lines.
 */
export function wasmShiftedWindowAttention(
  kernel: KernelExports,
  memory: KernelMemory,
  args: ShiftedWindowArgs,
): Tensor<Float32Array> {
  const checked = checkShiftedWindowArgs(args);
  const {
    B,
    Himg,
    Wimg,
    C,
    numHeads,
    headDim,
    grid,
    qkv,
    relativePositionBias: bias,
    logitScale,
    paddingQkv,
  } = checked;
  const { windowSize, shiftSize, paddedHeight, L } = grid;
  const [Wh, Ww] = windowSize;
  const out = float32Tensor([B, Himg, Wimg, C]);
  const bands = B * (paddedHeight / Wh);
  if (bands === 0) return out;

  const type = HALF_TYPES[qkv.type] ?? 0;
  const lineLength = Wimg * 3 * C;
  const lineBytes = (type ? 2 : 4) * lineLength;
  // Found before memory may grow, which detaches the arrays in it.
  const image = memory.pointerOf(qkv);
  const biasInKernel = memory.pointerOf(bias);
  const linesOfBand = Wh * ((image === undefined ? lineBytes : 0) + 4 * Wimg * C);
  const perCall = Math.max(1, Math.min(bands, Math.floor(BLOCK_BYTES / linesOfBand)));
  const at = memory.work({
    lines: image === undefined ? perCall * Wh * lineBytes : 0,
    outputs: perCall * Wh * 4 * Wimg * C,
    rows: perCall * Wh * 8,
    splits: perCall * 4,
    padding: 12 * C,
    bias: bias && biasInKernel === undefined ? 4 * bias.data.length : 0,
    logitFactors: logitScale ? 4 * numHeads : 0,
    scratch: kernel.shiftedWindowAttentionScratch(L, headDim),
  });
  const padding = memory.floats(at.padding, 3 * C).fill(0);
  if (paddingQkv) widen(paddingQkv, padding);
  if (bias && biasInKernel === undefined) widen(bias, memory.floats(at.bias, bias.data.length));
  if (logitScale) memory.floats(at.logitFactors, numHeads).set(logitFactors(logitScale));

  for (let first = 0; first < bands; first += perCall) {
    const count = Math.min(perCall, bands - first);
    const rows = memory.integers(at.rows, count * Wh * 2);
    const splits = memory.integers(at.splits, count);
    const lines = linesOf(checked, first, count);
    lines.forEach((line, i) => {
      const inputLine = image === undefined ? at.lines + i * lineBytes : image + (line ?? 0) * lineBytes;
      if (line !== undefined && image === undefined) copyLine(memory, qkv, line * lineLength, lineLength, inputLine);
      rows[2 * i] = line === undefined ? 0 : inputLine;
      rows[2 * i + 1] = line === undefined ? 0 : at.outputs + i * 4 * Wimg * C;
    });
    for (let i = 0; i < count; i++) {
      const isLast = (first + i + 1) % (paddedHeight / Wh) === 0;
      splits[i] = isLast && shiftSize[0] > 0 ? Wh - shiftSize[0] : Wh;
    }
    kernel.shiftedWindowAttention(
      count,
      at.rows,
      at.splits,
      type,
      at.padding,
      Wimg,
      Wh,
      Ww,
      shiftSize[1],
      numHeads,
      headDim,
      biasInKernel ?? at.bias,
      checked.scale ?? headDim ** -0.5,
      at.logitFactors,
      at.scratch,
    );
    lines.forEach((line, i) => {
      if (line === undefined) return;
      out.data.set(memory.floats(at.outputs + i * 4 * Wimg * C, Wimg * C), line * Wimg * C);
    });
  }
  return out;
}

/** For each line of `count` bands from `first` on, the line of `[B · Himg]` that it is; undefined for padding. */
function linesOf({ Himg, grid }: CheckedShiftedWindowArgs, first: number, count: number): (number | undefined)[] {
  const { windowSize, shiftSize, paddedHeight } = grid;
  const [Wh] = windowSize;
  const perImage = paddedHeight / Wh;
  return Array.from({ length: count * Wh }, (_, i) => {
    const band = first + Math.floor(i / Wh);
    const y = ((band % perImage) * Wh + (i % Wh) + shiftSize[0]) % paddedHeight;
    return y < Himg ? Math.floor(band / perImage) * Himg + y : undefined;
  });
}

/** Half-precision lines go as they are: the kernel widens what it gathers. */
function copyLine(memory: KernelMemory, image: TensorLike, start: number, length: number, to: number): void {
  const { data } = image;
  if (data instanceof Uint16Array) memory.halves(to, length).set(data.subarray(start, start + length));
  else widen(image, memory.floats(to, length), start);
}
