import type { WindowAttention } from '../attention/interface.js';
import { compare } from '../oracle/compare.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';

/** An engine whose every image call is repeated by the float64 reference. */
export interface VerifiedAttention {
  readonly attention: WindowAttention;
  /** Largest error of the kernel against the reference since this was last asked. */
  takeLargestError(): number;
}

export function verifiedAttention(attention: WindowAttention): VerifiedAttention {
  let largest = 0;
  return {
    attention: {
      ...attention,
      async shiftedWindowAttention(args) {
        const o = await attention.shiftedWindowAttention(args);
        largest = Math.max(largest, compare(o, shiftedWindowAttention(args)).maxAbsError);
        return o;
      },
    },
    takeLargestError() {
      const taken = largest;
      largest = 0;
      return taken;
    },
  };
}
