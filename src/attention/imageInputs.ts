import type { CheckedShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import type { KernelCore } from '../kernel/core.js';
import { kernelInput, logitFactorBytes, typeOfLines, writeLogitFactors } from '../kernel/staging.js';
import { logitFactor } from '../reference/scores.js';
import { columnsOfBand } from './bands.js';

/** Where what all parts of a call read lies in kernel memory. */
type Places = Readonly<Record<'padding' | 'columns' | 'bias' | 'logitFactors', number>>;

/**
 * What all parts of a call on images read alike, forward and backward: `sizes` are the bytes of its arrays, `enter` writes
 * them to their places and returns the fields of a kernel's record that say where.
 * @throws Error where a tensor was disposed of.
 */
export function imageInputs(core: KernelCore, args: CheckedShiftedWindowArgs) {
  const { memory } = core;
  const { C, numHeads, headDim, grid, logitScale } = args;
  const { windowSize, shiftSize, L } = grid;
  const [Wh, Ww] = windowSize;
  const padding = kernelInput(core, args.paddingQkv);
  const bias = kernelInput(core, args.relativePositionBias);
  const biasLength = numHeads * L * L;
  return {
    sizes: {
      padding: args.paddingQkv ? padding.bytes(3 * C) : 12 * C,
      columns: 4 * grid.paddedWidth,
      bias: bias.bytes(biasLength),
      logitFactors: logitFactorBytes(logitScale),
    },
    enter(at: Places) {
      if (!args.paddingQkv) memory.floats(at.padding, 3 * C).fill(0);
      memory.integers(at.columns, grid.paddedWidth).set(columnsOfBand(args));
      writeLogitFactors(memory, logitScale, at.logitFactors, logitFactor);
      return {
        type: typeOfLines(args.qkv),
        // Where it lies in kernel memory already, `enter` says where.
        padding: padding.enter(at.padding, 0, 3 * C) || at.padding,
        windows: grid.paddedWidth / Ww,
        columns: at.columns,
        splitX: Ww - shiftSize[1],
        Wh,
        Ww,
        H: numHeads,
        D: headDim,
        bias: bias.enter(at.bias, 0, biasLength),
        scale: args.scale ?? headDim ** -0.5,
        logitFactors: at.logitFactors,
      };
    },
  };
}
