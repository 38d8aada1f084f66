import type { CheckedShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import { HALF_TYPES, kernelInput } from '../kernel/staging.js';
import { float32Tensor } from '../tensor/tensor.js';
import { bandParts } from './bandParts.js';
import { columnsOfBand, splitsOfBands } from './bands.js';
import type { GradientSums } from './gradientSums.js';
import { imageLines, outputLines } from './imageLines.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';

/** Bytes of a part's image lines, in and out. */
const PART_BYTES = 2 * 1024 * 1024;

/**
 * The fused backward kernel over bands of windows, as `shiftedWindowAttentionJob`. dBias is summed in float32 over a
 * part's bands, whose number depends on the sizes alone, and in float64 over the parts.
 */
export function shiftedWindowAttentionBackwardJob(
  kernel: Kernel,
  args: CheckedShiftedWindowBackwardArgs,
  dQkv: Float32Array,
  sums: GradientSums,
): Job<'shiftedWindowAttentionBackward'> {
  const { exports, memory } = kernel;
  const { Wimg, C, numHeads, headDim, grid, qkv, logitScale } = args;
  const { windowSize, shiftSize, L } = grid;
  const [Wh, Ww] = windowSize;
  const image = imageLines(memory, qkv, Wimg * 3 * C);
  const gradient = imageLines(memory, args.dO, Wimg * C);
  const outputs = outputLines(memory, dQkv, Wimg * 3 * C);
  const bias = kernelInput(kernel, args.relativePositionBias);
  const split = bandParts(args, Math.floor(PART_BYTES / (Wh * 28 * Wimg * C)));
  const { scratch, scratchBytes } = kernel.scratch(exports.shiftedWindowAttentionBackwardScratch(L, headDim));
  const { at, places } = memory.work(
    {
      padding: 12 * C,
      columns: 4 * grid.paddedWidth,
      zeros: 4 * C,
      bias: bias.bytes(numHeads * L * L),
      logitFactors: logitFactorBytes(logitScale),
      scratch,
    },
    {
      image: split.bands * Wh * image.stagedBytes,
      gradient: split.bands * Wh * gradient.stagedBytes,
      outputs: split.bands * Wh * outputs.stagedBytes,
      rows: split.bands * Wh * 12,
      splits: split.bands * 4,
      dBias: sums.biasBytes,
      dLogitScale: sums.logitScaleBytes,
    },
    kernel.placesFor(split.parts),
  );
  kernelInput(kernel, args.paddingQkv ?? float32Tensor([3 * C])).enter(at.padding, 0, 3 * C);
  memory.floats(at.zeros, C).fill(0);
  memory.integers(at.columns, grid.paddedWidth).set(columnsOfBand(args));
  const biasAt = bias.enter(at.bias, 0, numHeads * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);
  return {
    kernel: 'shiftedWindowAttentionBackward',
    parts: split.parts,
    scratch: at.scratch,
    scratchBytes,
    enter(index, place) {
      const part = split.part(index);
      const own = places[place] as (typeof places)[0];
      const rows = memory.integers(own.rows, part.lines.length * 3);
      part.lines.forEach((line, i) => {
        rows[3 * i] = line === undefined ? 0 : image.enter(line, own.image, i);
        rows[3 * i + 1] = line === undefined ? 0 : gradient.enterFloats(line, own.gradient, i);
        rows[3 * i + 2] = line === undefined ? 0 : outputs.place(line, own.outputs, i);
      });
      memory.integers(own.splits, part.bands).set(splitsOfBands(args, part.firstBand, part.bands));
      sums.clear(memory, own);
      return [
        part.bands,
        own.rows,
        own.splits,
        HALF_TYPES[qkv.type] ?? 0,
        at.padding,
        at.zeros,
        grid.paddedWidth / Ww,
        at.columns,
        Ww - shiftSize[1],
        Wh,
        Ww,
        numHeads,
        headDim,
        biasAt,
        own.dBias,
        own.dLogitScale,
        args.scale ?? headDim ** -0.5,
        at.logitFactors,
      ];
    },
    leave(index, place) {
      const own = places[place] as (typeof places)[0];
      outputs.leave(own.outputs, split.part(index).lines);
      sums.add(memory, index, own);
    },
  };
}
