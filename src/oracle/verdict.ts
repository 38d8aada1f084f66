import { type Comparison, indexOf } from './compare.js';
import { countAbove } from './errorBins.js';
import { type Axis, type SliceMaxima, SUM, type Tally } from './tally.js';

/** A head, window, row or column that is judged by itself. */
export interface SliceVerdict {
  /** `window`, `head`, `row`, `column`, or `window and head`; behind `q`, `k` or `v` in dQkv. */
  readonly axis: string;
  readonly index: number;
  readonly maxAbsError: number;
  readonly tolerance: number;
}

/** Verdict on one tensor. */
export interface Verdict extends Comparison {
  /** `max|naive in that precision − truth|`, naive being one plain operation after the other. */
  readonly naiveError: number;
  /** `maxAbsError / naiveError`; 0 where both are 0. */
  readonly ratio: number;
  /**
   * The bound of `maxAbsError`: `2 · naiveError + floor`, naive being the worse of two orders here; where the worst element's
   * own rounding in any other order may be more, and it is no more than that, that.
   */
  readonly tolerance: number;
  /** Elements by their error: none, then up to each of `HISTOGRAM` times the tolerance, then beyond the last. */
  readonly histogram: readonly number[];
  /** Slices that fail the rule applied to them alone, the worst first. */
  readonly slices: readonly SliceVerdict[];
  /** Elements where the truth or the naive kernel is not finite, and those of them that are wrong. They widen no tolerance. */
  readonly nonFinite: { readonly count: number; readonly mismatches: number; readonly firstIndex?: readonly number[] };
  /** Root mean square of the error over the naive kernel's. */
  readonly rmsRatio: number;
  /** `‖actual − truth‖ / ‖truth‖`. */
  readonly relativeL2: number;
  /** Pearson's, of actual and truth. */
  readonly correlation: number;
  /** What makes the verdict mean little. */
  readonly warning?: string;
}

/** Bounds of a verdict's histogram, times the tolerance. */
export const HISTOGRAM = [1e-3, 1e-2, 1e-1, 1, 10] as const;

export interface Rule {
  /** Relative distance of neighbouring stored numbers. */
  readonly epsilon: number;
  /** What the caller allows instead of the rule. */
  readonly allowed?: { readonly atol: number; readonly rtol: number } | undefined;
}

/** FlashAttention's rule with a floor: one rounding of the largest value. */
function toleranceOf(naive: number, largest: number, epsilon: number): number {
  return 2 * naive + epsilon * largest;
}

/** A tally, and what its slices are called. */
export interface Part {
  readonly tally: Tally;
  /** Before the names of the axes, where a tensor has several parts. */
  readonly prefix: string;
  /** Row-major index of an element of the whole tensor by its flat index in this part. */
  indexOf(flat: number): readonly number[];
}

export function partOf(tally: Tally, dims: readonly number[]): Part {
  return { tally, prefix: '', indexOf: (flat) => indexOf(flat, dims) };
}

/** The verdict on a tensor of one part or several. */
export function verdictOf(parts: readonly [Part, ...Part[]], { epsilon, allowed }: Rule): Verdict {
  const tallies = parts.map(({ tally }) => tally);
  type Most = 'error' | 'excess' | 'plain' | 'naive' | 'largest' | 'ofZeros' | 'noise' | 'maxRelError' | 'maxUlpError';
  const most = (figure: Most) => tallies.reduce((max, tally) => Math.max(max, tally[figure]), 0);
  const total = (figure: 'exact' | 'beyond' | 'nonFinite' | 'nonFiniteMismatches') =>
    tallies.reduce((sum, tally) => sum + tally[figure], 0);
  const sum = (which: keyof typeof SUM) => tallies.reduce((all, { sums }) => all + (sums[SUM[which]] as number), 0);
  const [maxAbsError, naiveError, largest] = [most('error'), most('plain'), most('largest')];
  const rule = toleranceOf(most('naive'), largest, epsilon);
  // Beyond the rule an element passes that its own rounding excuses.
  const isBeyond = !allowed && most('excess') > rule;
  const [place, figure] = isBeyond ? (['worstExcess', 'excess'] as const) : (['worst', 'error'] as const);
  const worst = parts.reduce((a, b) =>
    b.tally[place].at >= 0 && (a.tally[place].at < 0 || b.tally[figure] > a.tally[figure]) ? b : a,
  );
  const { at, actual: actualAtWorst, expected: expectedAtWorst, rounding } = worst.tally[place];
  const tolerance = allowed
    ? allowed.atol + allowed.rtol * Math.abs(expectedAtWorst || 0)
    : maxAbsError > rule && !isBeyond
      ? Math.max(rule, rounding)
      : rule;
  const above = (bound: number) =>
    tallies.reduce((count, tally) => {
      return (
        count +
        (allowed || bound < tolerance
          ? countAbove(tally.bins, bound, tally.error)
          : countAbove(tally.excessBins, bound, tally.excess))
      );
    }, 0);
  const slices = allowed ? [] : parts.flatMap((part) => failedSlices(part, epsilon));
  slices.sort((a, b) => b.maxAbsError / b.tolerance - a.maxAbsError / a.tolerance);
  const wrongApart = total('nonFiniteMismatches');
  const isWithin = allowed ? total('beyond') === 0 : !isBeyond;
  const pass = isWithin && slices.length === 0 && wrongApart === 0;
  const mismatches = (allowed ? total('beyond') : above(tolerance)) + wrongApart;
  const first = parts.find(({ tally }) => tally.firstNonFinite >= 0);
  const warning = allowed ? undefined : warningOf(rule, most('noise'), most('ofZeros'), largest, sum('count'));
  return {
    pass,
    maxAbsError,
    maxRelError: most('maxRelError'),
    maxUlpError: most('maxUlpError'),
    worstIndex: at >= 0 ? worst.indexOf(at) : [],
    actualAtWorst,
    expectedAtWorst,
    mismatches: pass ? 0 : Math.max(1, mismatches),
    naiveError,
    ratio: maxAbsError === 0 ? 0 : maxAbsError / naiveError,
    tolerance,
    histogram: histogramOf(total('exact'), sum('count'), above, tolerance),
    slices,
    nonFinite: {
      count: total('nonFinite'),
      mismatches: wrongApart,
      ...(first && { firstIndex: first.indexOf(first.tally.firstNonFinite) }),
    },
    ...statistics(sum),
    ...(warning && { warning }),
  };
}

function failedSlices({ tally, prefix }: Part, epsilon: number): SliceVerdict[] {
  return (Object.entries(tally.slices) as [Axis, SliceMaxima][]).flatMap(([axis, { excess, naive, largest }]) => {
    const failed: SliceVerdict[] = [];
    excess.forEach((maxAbsError, index) => {
      const tolerance = toleranceOf(naive[index] as number, largest[index] as number, epsilon);
      if (maxAbsError > tolerance) failed.push({ axis: `${prefix}${axis}`, index, maxAbsError, tolerance });
    });
    return failed;
  });
}

function histogramOf(exact: number, count: number, above: (bound: number) => number, tolerance: number): number[] {
  const beyond = HISTOGRAM.map((factor) => above(factor * tolerance));
  const from = [count - exact, ...beyond];
  return [
    exact,
    ...from.slice(0, -1).map((more, i) => more - (from[i + 1] as number)),
    from[from.length - 1] as number,
  ];
}

function statistics(sum: (which: keyof typeof SUM) => number) {
  const [n, error, naive, truth2] = [sum('count'), sum('error'), sum('naive'), sum('truth2')];
  const covariance = n * sum('product') - sum('actual') * sum('truth');
  const spread = Math.sqrt((n * truth2 - sum('truth') ** 2) * (n * sum('actual2') - sum('actual') ** 2));
  return {
    rmsRatio: error === 0 ? 0 : Math.sqrt(error / naive),
    relativeL2: error === 0 ? 0 : Math.sqrt(error / truth2),
    correlation: Math.min(1, covariance / spread),
  };
}

function warningOf(rule: number, noise: number, ofZeros: number, largest: number, count: number): string | undefined {
  if (count === 0) return 'no element could be judged: nothing is finite, or the tensor is empty';
  if (rule < ofZeros) return undefined;
  return rule > 0 || noise > 0
    ? `ill-conditioned: rounding may be as large as the values (${largest.toExponential(1)}), so that zeros would pass`
    : undefined;
}
