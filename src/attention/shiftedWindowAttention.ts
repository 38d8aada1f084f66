import {
  type CheckedShiftedWindowArgs,
  checkShiftedWindowArgs,
  type ShiftedWindowArgs,
} from '../arguments/shiftedWindowArgs.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import { imageLines, outputLines } from '../kernel/staging.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { CheckedTensor } from '../tensor/check.js';
import type { FloatData, Tensor } from '../tensor/tensor.js';
import { bandParts } from './bandParts.js';
import { splitsOfBands } from './bands.js';
import { imageInputs } from './imageInputs.js';
import { checkOverlaps, outputOf } from './output.js';

/** Bytes of a part's image lines, in and out. */
const PART_BYTES = 1024 * 1024;

/** `WindowAttention.shiftedWindowAttention` by the fused kernel. */
export function shiftedWindowAttention(
  core: KernelCore,
  args: ShiftedWindowArgs,
  { signal }: CallOptions,
): Promise<Tensor<FloatData>> {
  const checked = checkShiftedWindowArgs(args);
  const { B, Himg, Wimg, C, qkv, relativePositionBias, logitScale, paddingQkv } = checked;
  const output = outputOf(args.out, '[B, Himg, Wimg, C]', [B, Himg, Wimg, C]);
  return core.call((call) => {
    checkOverlaps(core, output, { qkv, relativePositionBias, logitScale, paddingQkv });
    return call.run(shiftedWindowAttentionJob(call, checked, output.checked), () => output.result);
  }, signal);
}

/**
 * The kernel over bands of windows. The lines of a band are copied to the kernel's memory, unless the image is there
 * already; shift, padding and partition are a table of pointers to lines.
 */
export function shiftedWindowAttentionJob(
  call: KernelCall,
  args: CheckedShiftedWindowArgs,
  out: CheckedTensor,
): Job<'shiftedWindowAttention'> {
  const { core } = call;
  const { exports, memory } = core;
  const { Wimg, C, headDim, grid, qkv } = args;
  const [Wh] = grid.windowSize;
  const image = imageLines(core, qkv, Wimg * 3 * C);
  const outputs = outputLines(core, out, Wimg * C);
  const inputs = imageInputs(core, args);
  // Lines that are copied out are whole ones, which threads cannot share by heads.
  const wanted = image.stagedBytes + outputs.stagedBytes === 0 ? core.threads : 1;
  const split = bandParts(args, Math.floor(PART_BYTES / (Wh * 16 * Wimg * C)), wanted);
  const { scratch, scratchBytes } = call.scratch(exports.shiftedWindowAttentionScratch(grid.L, headDim));
  const { at, places } = call.work(
    { ...inputs.sizes, scratch },
    {
      image: split.bands * Wh * image.stagedBytes,
      outputs: split.bands * Wh * outputs.stagedBytes,
      rows: split.bands * Wh * 8,
      splits: split.bands * 4,
    },
    core.placesFor(split.parts),
  );
  const fields = inputs.enter(at);
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
      return {
        bands: part.bands,
        rows: own.rows,
        splits: own.splits,
        firstHead: part.firstHead,
        heads: part.heads,
        // Last: V8 makes a dictionary of what is added behind so many fields, 13 µs a part.
        ...fields,
      };
    },
    leave(index, place) {
      outputs.leave((places[place] as (typeof places)[0]).outputs, split.part(index).lines);
    },
  };
}
