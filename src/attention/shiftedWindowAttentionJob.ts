import type { CheckedShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import { HALF_TYPES, kernelInput } from '../kernel/staging.js';
import { float32Tensor } from '../tensor/tensor.js';
import { bandParts } from './bandParts.js';
import { columnsOfBand, splitsOfBands } from './bands.js';
import { imageLines, outputLines } from './imageLines.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';

/** Bytes of a part's image lines, in and out. */
const PART_BYTES = 1024 * 1024;

/**
 * The fused kernel over bands of windows. The lines of a band are copied to the kernel's memory, unless the image is
 * there already; shift, padding and partition are a table of pointers to lines.
 */
export function shiftedWindowAttentionJob(
  kernel: Kernel,
  args: CheckedShiftedWindowArgs,
  out: Float32Array,
): Job<'shiftedWindowAttention'> {
  const { exports, memory } = kernel;
  const { Wimg, C, numHeads, headDim, grid, qkv, logitScale } = args;
  const { windowSize, shiftSize, L } = grid;
  const [Wh, Ww] = windowSize;
  const image = imageLines(memory, qkv, Wimg * 3 * C);
  const outputs = outputLines(memory, out, Wimg * C);
  const bias = kernelInput(kernel, args.relativePositionBias);
  // Lines that are copied out are whole ones, which threads cannot share by heads.
  const wanted = image.stagedBytes + outputs.stagedBytes === 0 ? kernel.threads : 1;
  const split = bandParts(args, Math.floor(PART_BYTES / (Wh * 16 * Wimg * C)), wanted);
  const { scratch, scratchBytes } = kernel.scratch(exports.shiftedWindowAttentionScratch(L, headDim));
  const { at, places } = memory.work(
    {
      padding: 12 * C,
      columns: 4 * grid.paddedWidth,
      bias: bias.bytes(numHeads * L * L),
      logitFactors: logitFactorBytes(logitScale),
      scratch,
    },
    {
      image: split.bands * Wh * image.stagedBytes,
      outputs: split.bands * Wh * outputs.stagedBytes,
      rows: split.bands * Wh * 8,
      splits: split.bands * 4,
    },
    kernel.placesFor(split.parts),
  );
  kernelInput(kernel, args.paddingQkv ?? float32Tensor([3 * C])).enter(at.padding, 0, 3 * C);
  memory.integers(at.columns, grid.paddedWidth).set(columnsOfBand(args));
  const biasAt = bias.enter(at.bias, 0, numHeads * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);
  return {
    kernel: 'shiftedWindowAttention',
    parts: split.parts,
    scratch: at.scratch,
    scratchBytes,
    enter(index, place) {
      const part = split.part(index);
      const own = places[place] as (typeof places)[0];
      const rows = memory.integers(own.rows, part.lines.length * 2);
      part.lines.forEach((line, i) => {
        rows[2 * i] = line === undefined ? 0 : image.enter(line, own.image, i);
        rows[2 * i + 1] = line === undefined ? 0 : outputs.place(line, own.outputs, i);
      });
      memory.integers(own.splits, part.bands).set(splitsOfBands(args, part.firstBand, part.bands));
      return [
        part.bands,
        own.rows,
        own.splits,
        HALF_TYPES[qkv.type] ?? 0,
        at.padding,
        grid.paddedWidth / Ww,
        at.columns,
        Ww - shiftSize[1],
        Wh,
        Ww,
        part.firstHead,
        part.heads,
        numHeads,
        headDim,
        biasAt,
        args.scale ?? headDim ** -0.5,
        at.logitFactors,
      ];
    },
    leave(index, place) {
      outputs.leave((places[place] as (typeof places)[0]).outputs, split.part(index).lines);
    },
  };
}
