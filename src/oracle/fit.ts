import type { Fitted } from './families/factors.js';
import type { Search } from './search.js';

/** Steps of the golden section: a factor to 1e-6 of itself. */
const STEPS = 24;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The factor with which the fault leaves the least, from the best of some guesses; undefined where none comes near. */
export function fitFactor(
  fitted: Fitted,
  guesses: readonly number[],
  search: Search,
): { factor: number; residual: number } | undefined {
  const residualOf = (factor: number) => search.score({ fault: fitted.fault(factor) }).residual;
  const tried = guesses
    .map((factor) => ({ factor, residual: residualOf(factor) }))
    .filter(({ residual }) => Number.isFinite(residual))
    .sort((a, b) => a.residual - b.residual);
  const [best] = tried;
  if (!best || best.factor === 0) return best;
  // The guesses are √2 apart.
  let [low, high] = [best.factor / Math.SQRT2, best.factor * Math.SQRT2];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [residualOf(left), residualOf(right)];
  for (let step = 0; step < STEPS; step++) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = residualOf(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = residualOf(right);
    }
  }
  const found = atLeft < atRight ? { factor: left, residual: atLeft } : { factor: right, residual: atRight };
  return found.residual < best.residual ? found : best;
}
