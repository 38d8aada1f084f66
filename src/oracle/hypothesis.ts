import type { WrongPlaces } from './locateErrors.js';

/** What may have made an output what it is. */
export interface Hypothesis {
  /** A kind of fault, two joined by ` + `, `correct`, or `unexplained` for a wrong output as it is. */
  readonly name: string;
  readonly explanation: string;
  /** Root mean square of actual − explained over that of the actual output, at the places that are wrong; Infinity where
   * one of the two is not finite alone. */
  readonly residual: number;
  /** Indices along each axis that are wrong, an axis absent where all of it are. */
  readonly where?: WrongPlaces;
}

/** A hypothesis before it is ranked. */
export interface Candidate extends Hypothesis {
  /** Position among equally good ones: the simpler fault is the smaller number. */
  readonly order: number;
}

/** Residuals up to here are rounding, of bfloat16 at the most. */
export const ROUNDING = 0.02;
/** A fault that leaves more than this share of the error explains nothing. */
export const WORTH_SAYING = 0.5;
/** Candidates whose residuals lie closer than this are told apart by their order alone. */
const TIE = 1.3;
/** Below this, residuals are sums in another order. */
const EXACT = 1e-6;
/** Hypotheses that are returned. */
const SHOWN = 6;

/** Whether a fault that leaves `residual` explains what is `distance` away from the right output. */
export function isExplanation(residual: number, distance: number): boolean {
  return residual <= ROUNDING && residual <= WORTH_SAYING * distance;
}

/**
 * The best hypotheses, best first. `distance` is the residual of the right output itself. Where no candidate is an explanation,
 * `fallback` (`correct` or `unexplained`) leads, and what follows is only said to be near.
 */
export function rankHypotheses(
  candidates: readonly Candidate[],
  fallback: Hypothesis,
  distance = fallback.residual,
): Hypothesis[] {
  const explained = candidates.filter(({ residual }) => isExplanation(residual, distance));
  const best = explained.reduce((min, { residual }) => Math.min(min, residual), Number.POSITIVE_INFINITY);
  const bound = Math.max(TIE * best, EXACT);
  const tied = explained.filter(({ residual }) => residual <= bound).sort((a, b) => a.order - b.order);
  const rest = candidates
    .filter(({ residual }) => residual > bound || !Number.isFinite(bound))
    .filter(({ residual }) => residual <= WORTH_SAYING * distance)
    .sort((a, b) => ascending(a.residual, b.residual) || a.order - b.order);
  const near = rest.map((candidate) => {
    if (isExplanation(candidate.residual, distance)) return candidate;
    return { ...candidate, explanation: `no explanation, only near: ${candidate.explanation}` };
  });
  const ranked = tied.length > 0 ? [...tied, ...near, fallback] : [fallback, ...near];
  const names = new Set<string>();
  const once = ranked.filter(({ name }) => !names.has(name) && names.add(name));
  return once.slice(0, SHOWN).map(({ name, explanation, residual, where }) => ({
    name,
    explanation,
    residual,
    ...(where && { where }),
  }));
}

/** Also where both are infinite. */
export function ascending(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
