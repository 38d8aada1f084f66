import type { Fault, Softmax } from './faults.js';

/** Right parts of one window and head, kept from one hypothesis to the next. */
export interface Kept {
  G?: Float64Array;
  P?: Softmax;
  S?: Float64Array;
  dP?: Float64Array;
}

export function isScoreRight({
  q,
  k,
  bias,
  mask,
  factor,
  biasFactor,
  maskFactor,
  scoreFactor,
  normaliseQ,
  normaliseK,
  roundInputs,
  accumulation,
  scores,
}: Fault): boolean {
  return !(
    q ||
    k ||
    bias ||
    mask ||
    factor ||
    biasFactor !== undefined ||
    maskFactor !== undefined ||
    scoreFactor !== undefined ||
    normaliseQ ||
    normaliseK ||
    roundInputs ||
    accumulation ||
    scores
  );
}
