import {
  type CheckedShiftedWindowBackwardArgs,
  checkShiftedWindowBackwardArgs,
  type ShiftedWindowBackwardArgs,
} from '../arguments/shiftedWindowArgs.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import { imageLines, outputLines } from '../kernel/staging.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { CheckedTensor } from '../tensor/check.js';
import { bandParts } from './bandParts.js';
import { splitsOfBands } from './bands.js';
import { GradientSums } from './gradientSums.js';
import { imageInputs } from './imageInputs.js';
import type { ShiftedWindowBackwardOutput } from './interface.js';
import { checkOverlaps, outputOf } from './output.js';

/** Bytes of a part's image lines, in and out. */
const PART_BYTES = 2 * 1024 * 1024;

/** `WindowAttention.shiftedWindowAttentionBackward` by the fused kernel. */
export function shiftedWindowAttentionBackward(
  core: KernelCore,
  args: ShiftedWindowBackwardArgs,
  { signal }: CallOptions,
): Promise<ShiftedWindowBackwardOutput> {
  const checked = checkShiftedWindowBackwardArgs(args);
  const { qkv, relativePositionBias, logitScale, paddingQkv, dO } = checked;
  const output = outputOf(args.out, '[B, Himg, Wimg, 3C]', qkv.dims);
  return core.call((call) => {
    checkOverlaps(core, output, { qkv, relativePositionBias, logitScale, paddingQkv, dO });
    const sums = new GradientSums(checked.numHeads, checked.grid.L, relativePositionBias, logitScale);
    const job = shiftedWindowAttentionBackwardJob(call, checked, output.checked, sums);
    return call.run(job, () => {
      const { dBias, dLogitScale } = sums.result();
      const dQkv = output.result;
      return { dQkv, ...(dBias && { dRelativePositionBias: dBias }), ...(dLogitScale && { dLogitScale }) };
    });
  }, signal);
}

/**
 * The kernel over bands of windows, as `shiftedWindowAttentionJob`. dBias is summed in float32 over a part's bands, whose
 * number depends on the sizes alone, and in float64 over the parts.
 */
function shiftedWindowAttentionBackwardJob(
  call: KernelCall,
  args: CheckedShiftedWindowBackwardArgs,
  dQkv: CheckedTensor,
  sums: GradientSums,
): Job<'shiftedWindowAttentionBackward'> {
  const { core } = call;
  const { exports, memory } = core;
  const { Wimg, C, headDim, grid, qkv } = args;
  const [Wh] = grid.windowSize;
  const image = imageLines(core, qkv, Wimg * 3 * C);
  const gradient = imageLines(core, args.dO, Wimg * C);
  const outputs = outputLines(core, dQkv, Wimg * 3 * C);
  const inputs = imageInputs(core, args);
  const split = bandParts(args, Math.floor(PART_BYTES / (Wh * 28 * Wimg * C)));
  const { scratch, scratchBytes } = call.scratch(exports.shiftedWindowAttentionBackwardScratch(grid.L, headDim));
  const { at, places } = call.work(
    { ...inputs.sizes, zeros: 4 * C, scratch },
    {
      image: split.bands * Wh * image.stagedBytes,
      gradient: split.bands * Wh * gradient.stagedBytes,
      outputs: split.bands * Wh * outputs.stagedBytes,
      rows: split.bands * Wh * 12,
      splits: split.bands * 4,
      dBias: sums.biasBytes,
      dLogitScale: sums.logitScaleBytes,
    },
    core.placesFor(split.parts),
  );
  memory.floats(at.zeros, C).fill(0);
  const fields = inputs.enter(at);
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
      return {
        bands: part.bands,
        rows: own.rows,
        splits: own.splits,
        zeros: at.zeros,
        dBias: own.dBias,
        dLogitScale: own.dLogitScale,
        // Last: V8 makes a dictionary of what is added behind so many fields, 13 µs a part.
        ...fields,
      };
    },
    leave(index, place) {
      const own = places[place] as (typeof places)[0];
      outputs.leave(own.outputs, split.part(index).lines);
      sums.add(memory, index, own);
    },
  };
}
