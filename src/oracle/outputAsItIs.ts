import type { Stored } from './families/stored.js';
import { type Hypothesis, ROUNDING } from './hypothesis.js';
import { errorOf, type Located, type WrongPlaces } from './locateErrors.js';

/** The output beside the right one: `correct`, or `unexplained`. */
export function asItIs({ actual, truth, axes, located }: Stored): Hypothesis {
  const residual = distanceOf(actual, truth, axes.L, axes.D, located);
  return residual <= ROUNDING ? correct(residual) : unexplained(residual, located.where);
}

export function correct(residual: number): Hypothesis {
  const explanation = 'the output is right but for rounding, perhaps of a lower precision than it is judged in';
  return { name: 'correct', explanation, residual };
}

export function unexplained(residual: number, where: WrongPlaces | undefined): Hypothesis {
  const explanation = 'the output is wrong in a way that is not known';
  return { name: 'unexplained', explanation, residual, ...(where && { where }) };
}

/** Root mean square of actual − truth over that of the actual, at wrong places. */
function distanceOf(actual: Float64Array, truth: Float64Array, L: number, D: number, located: Located): number {
  let [squares, size, right] = [0, 0, 0];
  for (const unit of located.units) {
    for (const i of located.rows) {
      for (const d of located.columns) {
        const at = (unit * L + i) * D + d;
        const [x, t] = [actual[at] as number, truth[at] as number];
        if (Number.isNaN(t)) continue;
        squares += errorOf(x, t) ** 2;
        if (Number.isFinite(t)) right += t * t;
        if (Number.isFinite(x)) size += x * x;
      }
    }
  }
  return Math.sqrt(squares) / (Math.sqrt(size || right) || 1);
}
