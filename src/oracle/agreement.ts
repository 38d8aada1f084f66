import type { Located } from './locateErrors.js';
import type { Axes } from './place.js';

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

/** Elements that are compared at once. */
export interface Compared {
  /** Their indices in the output. */
  readonly at: Int32Array;
  /** Whether each of them is at a wrong place. */
  readonly isWrong: Uint8Array;
}

/** Rows of a unit of an output `[B, H, L, D]`, all of their columns, with what is wrong of them. */
export function comparer(
  { units, rows, columns }: Located,
  { L, D }: Axes,
): (unit: number, rows: readonly number[]) => Compared {
  const [wrong, inRow, inColumn] = [new Set(units), new Set(rows), new Set(columns)];
  return (unit, lines) => {
    const at = new Int32Array(lines.length * D);
    const isWrong = new Uint8Array(at.length);
    lines.forEach((i, r) => {
      for (let d = 0; d < D; d++) {
        at[r * D + d] = (unit * L + i) * D + d;
        isWrong[r * D + d] = wrong.has(unit) && inRow.has(i) && inColumn.has(d) ? 1 : 0;
      }
    });
    return { at, isWrong };
  };
}

/** A fault's results may lack so many of the elements that are compared, where they depend on unknown memory. */
const MOST_UNKNOWN = 0.6;

/** Places that are right and that a fault changes by more than this share. */
const CONTRADICTION = 0.03;

/** Sums of squares over samples. */
export class Agreement {
  #apart = 0;
  #truth = 0;
  #actual = 0;
  #explained = 0;
  #product = 0;
  #outside = 0;
  #outsideTruth = 0;
  #known = 0;
  #unknown = 0;

  add({ at, isWrong }: Compared, explained: Float64Array, actual: Float64Array, truth: Float64Array): void {
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
