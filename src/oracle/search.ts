import { Agreement, type Compared, comparer, type Score } from './agreement.js';
import type { WindowOutputName } from './checkCase.js';
import type { Fault, Variant } from './faults.js';
import { FaultyAttention } from './faultyAttention.js';
import type { FaultyProblem } from './faultyProblem.js';
import type { Located } from './locateErrors.js';
import type { Axes } from './place.js';
import { range, spread } from './spread.js';

/** Some rows of a window and head, or of a sum over windows: what `FaultyAttention.run` gives. */
interface Sample extends Compared {
  readonly h: number;
  /** Windows that are summed; one for outputs that have windows. */
  readonly windows: readonly number[];
}

export interface SearchOptions {
  readonly samples: number;
  readonly rightSamples: number;
  readonly rows: number;
}

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
    const isSummed = SUMMED.includes(output);
    const wrong = new Set(located.units);
    const units = range(isSummed ? H : B * H);
    const right = units.filter((unit) => !wrong.has(unit));
    const picked = [...spread(located.units, samples), ...spread(right, rightSamples)];
    const lines = output === 'dLogitScale' ? [0] : chosen;
    const compared = comparer(located, axesOf(problem, output));
    this.#samples = picked.map((unit) => {
      return { h: unit % H, windows: isSummed ? range(B) : [Math.floor(unit / H)], ...compared(unit, lines) };
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
    const agreement = new Agreement();
    for (const sample of this.#samples) agreement.add(sample, this.#run(fault, sample), this.actual, this.truth);
    return agreement.score();
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

/** Most of the rows that are wrong, and one that is not. */
function chosenRows(wrong: readonly number[], L: number, count: number): number[] {
  const set = new Set(wrong);
  const right = range(L).filter((i) => !set.has(i));
  return [...spread(wrong, count), ...spread(right, 1)].sort((a, b) => a - b);
}
