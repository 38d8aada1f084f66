import type { CheckedShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { bandCount, linesOfBands } from './bands.js';

/** Parts of a job over images: bands of windows, and groups of heads of them. */
export interface BandParts {
  readonly parts: number;
  /** Most bands of a part. */
  readonly bands: number;
  part(index: number): BandPart;
}

export interface BandPart {
  readonly firstBand: number;
  readonly bands: number;
  readonly firstHead: number;
  readonly heads: number;
  /** For each line of the bands, the line of the images that it is; undefined for padding. */
  readonly lines: readonly (number | undefined)[];
}

/** `bandsOfPart`: most bands of a part. `wanted`: so many parts, by splitting heads where the bands are fewer. */
export function bandParts(args: CheckedShiftedWindowArgs, bandsOfPart: number, wanted = 1): BandParts {
  const { numHeads } = args;
  const total = bandCount(args);
  const bands = Math.max(1, Math.min(bandsOfPart, total));
  const groups = Math.ceil(total / bands);
  const heads = Math.max(1, Math.min(numHeads, Math.floor((numHeads * groups) / wanted)));
  const partsOfGroup = Math.ceil(numHeads / heads);
  return {
    parts: groups * partsOfGroup,
    bands,
    part(index) {
      const firstBand = Math.floor(index / partsOfGroup) * bands;
      const firstHead = (index % partsOfGroup) * heads;
      const count = Math.min(bands, total - firstBand);
      return {
        firstBand,
        bands: count,
        firstHead,
        heads: Math.min(heads, numHeads - firstHead),
        lines: linesOfBands(args, firstBand, count),
      };
    },
  };
}
