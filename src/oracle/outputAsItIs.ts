import type { Stored } from './families/stored.js';
import { type Hypothesis, ROUNDING } from './hypothesis.js';
import { errorOf, type Located } from './locateErrors.js';

/** The output beside the right one: `correct`, or `unexplained`. */
export function asItIs({ actual, truth, axes, located }: Stored): Hypothesis {
  const residual = distanceOf(actual, truth, axes.L, axes.D, located);
  if (residual <= ROUNDING) {
    return {
      name: 'correct',
      explanation: 'the output is right but for rounding, perhaps of a lower precision than it is judged in',
      residual,
    };
  }
  const { where } = located;
  return {
    name: 'unexplained',
    explanation: 'the output is wrong in a way that is not known',
    residual,
    ...(where && { where }),
  };
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
