import type { WindowOutputName } from './checkCase.js';
import type { Axes } from './families/places.js';
import type { Fault, Variant } from './faults.js';
import { FaultyAttention } from './faultyAttention.js';
import type { FaultyProblem } from './faultyProblem.js';
import type { Located } from './locateErrors.js';

/** How well what a fault gives agrees with the actual output. */
export interface Score {
  /** Root mean square of actual − explained at wrong places, over that of the actual. */
  readonly residual: number;
  /** The same for `factor` times what the fault gives, and the factor that fits best. */
  readonly scaledResidual: number;
  readonly factor: number;
  /** Whether the fault changes places that are right. */
  readonly isContradicted: boolean;
}

/** Part of an output that is compared at once: some rows of a window and head, or of a sum over windows. */
interface Sample {
  readonly h: number;
  /** Windows that are summed; one for outputs that have windows. */
  readonly windows: readonly number[];
  /** Indices in the output of what `FaultyAttention.run` gives. */
  readonly at: Int32Array;
  /** Whether each of them is at a wrong place. */
  readonly isWrong: Uint8Array;
}

export interface SearchOptions {
  readonly samples: number;
  readonly rightSamples: number;
  readonly rows: number;
}

/** A fault's results may lack so many of the elements that are compared, where they depend on unknown memory. */
const MOST_UNKNOWN = 0.6;
/** Places that are right and that a fault changes by more than this share. */
const CONTRADICTION = 0.03;

export const SUMMED: readonly WindowOutputName[] = ['dBias', 'dLogitScale'];

/** Axes of an output as those of a tensor `[B, H, L, D]`. */
export function axesOf({ B, H, L, D }: FaultyProblem, output: WindowOutputName): Axes {
  if (output === 'lse') return { B, H, L, D: 1 };
  if (output === 'dBias') return { B: 1, H, L, D: L };
  if (output === 'dLogitScale') return { B: 1, H, L: 1, D: 1 };
  return { B, H, L, D };
}

/** Compares what faults would give with an actual output, on some of its windows, heads and rows. */
export class Search {
  readonly #kernel: FaultyAttention;
  readonly #samples: readonly Sample[];

  constructor(
    private readonly problem: FaultyProblem,
    private readonly output: WindowOutputName,
    private readonly actual: Float64Array,
    private readonly truth: Float64Array,
    located: Located,
    { samples, rightSamples, rows }: SearchOptions,
  ) {
    const { B, H, L } = problem;
    const chosen = output === 'dLogitScale' ? range(L) : chosenRows(located.rows, L, rows);
    this.#kernel = new FaultyAttention(problem, chosen);
    const wrong = new Set(located.units);
    const units = range(SUMMED.includes(output) ? H : B * H);
    const right = units.filter((unit) => !wrong.has(unit));
    const picked = [...spread(located.units, samples), ...spread(right, rightSamples)];
    const inRow = new Set(located.rows);
    const inColumn = new Set(located.columns);
    const { D: width, L: height } = axesOf(problem, output);
    this.#samples = picked.map((unit) => {
      const lines = output === 'dLogitScale' ? [0] : chosen;
      const at = new Int32Array(lines.length * width);
      const isWrong = new Uint8Array(at.length);
      lines.forEach((i, r) => {
        for (let d = 0; d < width; d++) {
          at[r * width + d] = (unit * height + i) * width + d;
          isWrong[r * width + d] = wrong.has(unit) && inRow.has(i) && inColumn.has(d) ? 1 : 0;
        }
      });
      const isSummed = SUMMED.includes(output);
      return { h: unit % H, windows: isSummed ? range(B) : [Math.floor(unit / H)], at, isWrong };
    });
  }

  /** About as many multiplications as one evaluation of all samples takes. */
  get cost(): number {
    const { L, D } = this.problem;
    const rows = this.#kernel.rows.length;
    const queries = this.output === 'dK' || this.output === 'dV' ? L : rows;
    return this.#samples.reduce((sum, { windows }) => sum + windows.length, 0) * (2 * queries + rows + 4) * L * D;
  }

  score({ fault }: Pick<Variant, 'fault'>): Score {
    const tally = new Tally();
    for (const sample of this.#samples) tally.add(sample, this.#run(fault, sample), this.actual, this.truth);
    return tally.score();
  }

  #run(fault: Fault, { h, windows }: Sample): Float64Array {
    const { output, problem } = this;
    if (windows.length === 1) return this.#kernel.run(fault, output, windows[0] as number, h);
    let sum: Float64Array | undefined;
    for (const b of windows) {
      const share = fault.windowShare ? fault.windowShare(b, problem.B) : 1;
      if (share === 0) continue;
      const part = this.#kernel.run(fault, output, b, h);
      sum ??= new Float64Array(part.length);
      for (let at = 0; at < part.length; at++) sum[at] = (sum[at] as number) + share * (part[at] as number);
    }
    return sum ?? new Float64Array(this.#samples[0]?.at.length ?? 0);
  }
}

/** Sums of squares over samples. */
export class Tally {
  #apart = 0;
  #truth = 0;
  #actual = 0;
  #explained = 0;
  #product = 0;
  #outside = 0;
  #outsideTruth = 0;
  #known = 0;
  #unknown = 0;

  add(
    { at, isWrong }: Pick<Sample, 'at' | 'isWrong'>,
    explained: Float64Array,
    actual: Float64Array,
    truth: Float64Array,
  ): void {
    for (let n = 0; n < at.length; n++) {
      const x = explained[n] as number;
      const y = actual[at[n] as number] as number;
      const t = truth[at[n] as number] as number;
      // Where the inputs make the truth NaN, an output says nothing.
      if (Number.isNaN(t)) continue;
      const isSame = x === y || (Number.isNaN(x) && Number.isNaN(y));
      if (Number.isNaN(x) && !isSame) {
        this.#unknown += isWrong[n] as number;
        continue;
      }
      this.#known += isWrong[n] as number;
      const squared = isSame ? 0 : (x - y) ** 2;
      if (!isWrong[n]) {
        this.#outside += squared;
        this.#outsideTruth += t * t;
        continue;
      }
      this.#apart += squared;
      if (!Number.isFinite(y) || !Number.isFinite(t)) continue;
      this.#truth += t * t;
      this.#actual += y * y;
      this.#explained += x * x;
      this.#product += x * y;
    }
  }

  score(): Score {
    const size = Math.sqrt(this.#actual || this.#truth) || 1;
    const isKnown = this.#known > 0 && this.#unknown <= MOST_UNKNOWN * (this.#known + this.#unknown);
    const factor = this.#explained > 0 ? this.#product / this.#explained : 1;
    // A factor fits any few elements.
    const canScale = Number.isFinite(factor) && Number.isFinite(this.#apart) && this.#known >= 4;
    const rest = Math.max(0, this.#actual - factor * this.#product);
    const of = (squares: number) => (isKnown && squares >= 0 ? Math.sqrt(squares) / size : Number.POSITIVE_INFINITY);
    return {
      residual: of(this.#apart),
      scaledResidual: canScale ? of(rest) : Number.POSITIVE_INFINITY,
      factor,
      isContradicted: !(Math.sqrt(this.#outside) <= CONTRADICTION * Math.sqrt(this.#outsideTruth)),
    };
  }
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** `count` of the items, from the first to the last. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  if (count < 2) return items.slice(0, count);
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as T);
}

/** Most of the rows that are wrong, and one that is not. */
function chosenRows(wrong: readonly number[], L: number, count: number): number[] {
  const set = new Set(wrong);
  const right = range(L).filter((i) => !set.has(i));
  return [...spread(wrong, count), ...spread(right, 1)].sort((a, b) => a - b);
}
