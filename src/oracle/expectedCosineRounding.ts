import type { ExactUnit } from './exactUnit.js';
import { ARITHMETIC } from './precision.js';

/**
 * Variance of Σ q̂ · dq̂ over rows and windows, or Σ dS ∘ S: of one window's share of dLogitScale. `ofDQHat` are the variances
 * of dq̂, B the windows, `stores` the variance of what is rounded and stored, relative.
 */
export function varianceOfLogitScale(
  { qHat, dQHat, dS, dots, factor, L, D }: ExactUnit,
  ofDQHat: Float64Array,
  B: number,
  stores: number,
): number {
  const ofSum = (ARITHMETIC * B * L) / 2;
  let variance = 0;
  for (let i = 0; i < L; i++) {
    let along = 0;
    for (let at = i * D; at < (i + 1) * D; at++) {
      const [x, dx] = [qHat[at] as number, dQHat[at] as number];
      along += x * dx;
      variance += x * x * ((ofDQHat[at] as number) + stores * dx * dx);
    }
    variance += ofSum * along * along;
  }
  for (let ij = 0; ij < L * L; ij++) variance += ofSum * (factor * (dS[ij] as number) * (dots[ij] as number)) ** 2;
  return variance;
}

/**
 * Makes the variances of the unit rows' gradients dx̂ those of `dx = (dx̂ − x̂ (x̂ · dx̂)) / ‖x‖`, which may be much smaller than
 * dx̂. `own` is the variance of a rounding on the way, `ofSum` of the sum x̂ · dx̂, both relative.
 */
export function varianceThroughNorms(
  variances: Float64Array,
  xHat: Float64Array,
  dXHat: Float64Array,
  norms: Float64Array,
  own: number,
  ofSum: number,
): void {
  const L = norms.length;
  const D = xHat.length / L;
  for (let i = 0; i < L; i++) {
    let [along, ofAlong] = [0, 0];
    for (let at = i * D; at < (i + 1) * D; at++) {
      const [x, dx] = [xHat[at] as number, dXHat[at] as number];
      along += x * dx;
      ofAlong += x * x * ((variances[at] as number) + (own + ofSum) * dx * dx);
    }
    const norm = norms[i] as number;
    for (let at = i * D; at < (i + 1) * D; at++) {
      const [x2, dx] = [(xHat[at] as number) ** 2, dXHat[at] as number];
      const sum = (variances[at] as number) + x2 * ofAlong + own * (dx * dx + x2 * along * along);
      variances[at] = (2 * sum) / (norm * norm);
    }
  }
}
