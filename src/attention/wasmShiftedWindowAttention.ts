import { checkShiftedWindowArgs, type ShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import { bandCount, linesOfBands, splitsOfBands } from './bands.js';
import { imageLines, leaveLines } from './imageLines.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import { HALF_TYPES, kernelInput } from './staging.js';

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
  const { B, Himg, Wimg, C, numHeads, headDim, grid, qkv, relativePositionBias, logitScale } = checked;
  const { windowSize, shiftSize, L } = grid;
  const [Wh, Ww] = windowSize;
  const out = float32Tensor([B, Himg, Wimg, C]);
  const bands = bandCount(checked);
  const image = imageLines(memory, qkv, Wimg * 3 * C);
  const bias = kernelInput(kernel, memory, relativePositionBias);
  const outputBytes = 4 * Wimg * C;
  const perCall = Math.max(1, Math.min(bands, Math.floor(BLOCK_BYTES / (Wh * (image.stagedBytes + outputBytes)))));
  const at = memory.work({
    image: perCall * Wh * image.stagedBytes,
    outputs: perCall * Wh * outputBytes,
    rows: perCall * Wh * 8,
    splits: perCall * 4,
    padding: 12 * C,
    bias: bias.bytes(numHeads * L * L),
    logitFactors: logitFactorBytes(logitScale),
    scratch: kernel.shiftedWindowAttentionScratch(L, headDim),
  });
  kernelInput(kernel, memory, checked.paddingQkv ?? float32Tensor([3 * C])).enter(at.padding, 0, 3 * C);
  const biasAt = bias.enter(at.bias, 0, numHeads * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);

  for (let first = 0; first < bands; first += perCall) {
    const count = Math.min(perCall, bands - first);
    const lines = linesOfBands(checked, first, count);
    const rows = memory.integers(at.rows, count * Wh * 2);
    lines.forEach((line, i) => {
      rows[2 * i] = line === undefined ? 0 : image.enter(line, at.image, i);
      rows[2 * i + 1] = line === undefined ? 0 : at.outputs + i * outputBytes;
    });
    memory.integers(at.splits, count).set(splitsOfBands(checked, first, count));
    kernel.shiftedWindowAttention(
      count,
      at.rows,
      at.splits,
      HALF_TYPES[qkv.type] ?? 0,
      at.padding,
      Wimg,
      Wh,
      Ww,
      shiftSize[1],
      numHeads,
      headDim,
      biasAt,
      checked.scale ?? headDim ** -0.5,
      at.logitFactors,
      at.scratch,
    );
    leaveLines(memory, at.outputs, lines, Wimg * C, out.data);
  }
  return out;
}
