import { Agreement, comparer } from '../agreement.js';
import type { WindowOutputName } from '../checkCase.js';
import type { Candidate } from '../hypothesis.js';
import type { Located } from '../locateErrors.js';
import type { Axes } from '../place.js';
import { range, spread } from '../spread.js';

/** An output beside the right one. */
export interface Stored {
  readonly output: WindowOutputName;
  readonly actual: Float64Array;
  readonly truth: Float64Array;
  readonly axes: Axes;
  /** Windows of an image; 0 without a mask. */
  readonly nW: number;
  readonly located: Located;
}

export type StoreCandidate = Omit<Candidate, 'order'>;

/** Windows and heads that are compared, and rows of them. */
export const UNITS = 24;
const ROWS = 16;

/** Elements that must agree before a place is believed. */
export const FEW = 4;

/** Samples of the wrong places, and what is right beside them. */
export function samplesOf({ axes, located }: Stored) {
  const { H, L, B } = axes;
  const wrong = new Set(located.units);
  const right = range(B * H).filter((unit) => !wrong.has(unit));
  const rows = spread(range(L), ROWS);
  const compared = comparer(located, axes);
  return [...spread(located.units, UNITS), ...spread(right, 4)].map((unit) => {
    return { b: Math.floor(unit / H), h: unit % H, rows, ...compared(unit, rows) };
  });
}

export function explainedBy(
  stored: Stored,
  samples: ReturnType<typeof samplesOf>,
  of: (b: number, h: number, i: number, d: number) => number,
) {
  const agreement = new Agreement();
  const { D } = stored.axes;
  for (const sample of samples) {
    const explained = new Float64Array(sample.at.length);
    sample.rows.forEach((i, r) => {
      for (let d = 0; d < D; d++) explained[r * D + d] = of(sample.b, sample.h, i, d);
    });
    agreement.add(sample, explained, stored.actual, stored.truth);
  }
  return agreement.score();
}
