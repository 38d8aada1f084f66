import type { WindowOutputName } from './checkCase.js';
import type { Fault, FaultyUnit } from './faults.js';
import { isProduct, Pass } from './faultyPass.js';
import type { FaultyProblem } from './faultyProblem.js';
import { pick } from './faultyProducts.js';
import type { Kept } from './keptParts.js';

/** Numbers that may be kept at most. */
const MOST_KEPT = 8e6;

/** A kernel with any fault, in float64, one window and head at a time; only the queries of `rows` where that is enough. */
export class FaultyAttention {
  readonly #kept = new Map<number, Kept>();
  readonly #all: readonly number[];

  constructor(
    private readonly problem: FaultyProblem,
    /** Rows of the output that are computed. */
    readonly rows: readonly number[],
  ) {
    this.#all = Array.from({ length: problem.L }, (_, i) => i);
  }

  /**
   * What goes to `output` from window b and head h: o, dQ, dK and dV `[rows, D]`, lse `[rows]`, dBias `[rows, L]` and
   * dLogitScale `[1]` before the sum over windows. NaN where it depends on unknown memory.
   */
  run(fault: Fault, output: WindowOutputName, b: number, h: number): Float64Array {
    const { problem } = this;
    const { L, D } = problem;
    const isSumOfAll = output === 'dK' || output === 'dV' || output === 'dLogitScale';
    const needsAll = isSumOfAll || fault.needsAllRows === true || fault.product?.isTransposed === true;
    const rows = needsAll ? this.#all : this.rows;
    const unit: FaultyUnit = { problem, b, h, L, D, rows, factor: problem.factors[h] as number };
    const result = new Pass(fault, unit, this.#keep(unit), this.rows).output(output);
    if (!needsAll || output === 'dLogitScale' || isProduct(output)) return result;
    return pick(result, this.rows, result.length / L);
  }

  #keep({ b, h, rows, L, problem }: FaultyUnit): Kept {
    const key = ((b * problem.H + h) * 2 + (rows === this.#all ? 1 : 0)) as number;
    const known = this.#kept.get(key);
    if (known) return known;
    const fresh: Kept = {};
    if ((this.#kept.size + 1) * rows.length * L * 4 <= MOST_KEPT) this.#kept.set(key, fresh);
    return fresh;
  }
}
