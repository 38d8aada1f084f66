import { checkShiftedWindowBackwardArgs, type ShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import { float32Tensor } from '../tensor/tensor.js';
import { bandCount, linesOfBands, splitsOfBands } from './bands.js';
import { GradientSums } from './gradientSums.js';
import { imageLines, leaveLines } from './imageLines.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import { HALF_TYPES, kernelInput } from './staging.js';
import type { ShiftedWindowBackwardOutput } from './windowAttention.js';

/** Bytes of image lines, in and out, that are handled at a time. */
const BLOCK_BYTES = 2 * 1024 * 1024;

/** The fused backward kernel over bands of windows; as `wasmShiftedWindowAttention`, and sums as `wasmBackward`. */
export function wasmShiftedWindowAttentionBackward(
  kernel: KernelExports,
  memory: KernelMemory,
  args: ShiftedWindowBackwardArgs,
): ShiftedWindowBackwardOutput {
  const checked = checkShiftedWindowBackwardArgs(args);
  const { B, Himg, Wimg, C, numHeads, headDim, grid, qkv, dO, relativePositionBias, logitScale } = checked;
  const { windowSize, shiftSize, L } = grid;
  const [Wh, Ww] = windowSize;
  const dQkv = float32Tensor([B, Himg, Wimg, 3 * C]);
  const sums = new GradientSums(numHeads, L, relativePositionBias, logitScale);
  const bands = bandCount(checked);
  const image = imageLines(memory, qkv, Wimg * 3 * C);
  const gradient = imageLines(memory, dO, Wimg * C);
  const bias = kernelInput(kernel, memory, relativePositionBias);
  const outputBytes = 4 * Wimg * 3 * C;
  // Of the sizes alone, so that the same bits come wherever the tensors lie.
  const perCall = Math.max(1, Math.min(bands, Math.floor(BLOCK_BYTES / (Wh * 4 * Wimg * 7 * C))));
  const at = memory.work({
    image: perCall * Wh * image.stagedBytes,
    gradient: perCall * Wh * gradient.stagedBytes,
    outputs: perCall * Wh * outputBytes,
    rows: perCall * Wh * 12,
    splits: perCall * 4,
    padding: 12 * C,
    zeros: 4 * C,
    bias: bias.bytes(numHeads * L * L),
    dBias: sums.biasBytes,
    dLogitScale: sums.logitScaleBytes,
    logitFactors: logitFactorBytes(logitScale),
    scratch: kernel.shiftedWindowAttentionBackwardScratch(L, headDim),
  });
  kernelInput(kernel, memory, checked.paddingQkv ?? float32Tensor([3 * C])).enter(at.padding, 0, 3 * C);
  memory.floats(at.zeros, C).fill(0);
  const biasAt = bias.enter(at.bias, 0, numHeads * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);

  for (let first = 0; first < bands; first += perCall) {
    const count = Math.min(perCall, bands - first);
    const lines = linesOfBands(checked, first, count);
    const rows = memory.integers(at.rows, count * Wh * 3);
    lines.forEach((line, i) => {
      rows[3 * i] = line === undefined ? 0 : image.enter(line, at.image, i);
      rows[3 * i + 1] = line === undefined ? 0 : gradient.enterFloats(line, at.gradient, i);
      rows[3 * i + 2] = line === undefined ? 0 : at.outputs + i * outputBytes;
    });
    memory.integers(at.splits, count).set(splitsOfBands(checked, first, count));
    sums.clear(memory, at.dBias, at.dLogitScale);
    kernel.shiftedWindowAttentionBackward(
      count,
      at.rows,
      at.splits,
      HALF_TYPES[qkv.type] ?? 0,
      at.padding,
      at.zeros,
      Wimg,
      Wh,
      Ww,
      shiftSize[1],
      numHeads,
      headDim,
      biasAt,
      at.dBias,
      at.dLogitScale,
      checked.scale ?? headDim ** -0.5,
      at.logitFactors,
      at.scratch,
    );
    sums.add(memory, at.dBias, at.dLogitScale);
    leaveLines(memory, at.outputs, lines, Wimg * 3 * C, dQkv.data);
  }
  const { dBias, dLogitScale } = sums.result();
  return { dQkv, ...(dBias && { dRelativePositionBias: dBias }), ...(dLogitScale && { dLogitScale }) };
}
