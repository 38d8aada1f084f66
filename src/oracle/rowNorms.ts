import { NORM_FLOOR } from '../reference/scores.js';

/** Rows over their norms, floored at 1e-12. */
export function unitRows(X: Float64Array, L: number, D: number): Float64Array {
  const unit = new Float64Array(X.length);
  for (let i = 0; i < L; i++) {
    const norm = normOf(X, i, D);
    for (let d = i * D; d < (i + 1) * D; d++) unit[d] = (X[d] as number) / norm;
  }
  return unit;
}

export function normOf(X: Float64Array, i: number, D: number): number {
  let sum = 0;
  for (let d = i * D; d < (i + 1) * D; d++) sum += (X[d] as number) ** 2;
  return Math.max(Math.sqrt(sum), NORM_FLOOR);
}

/** `(dX̂ − x̂ (x̂ · dX̂)) / ‖x‖` by rows. */
export function normaliseBackward(X: Float64Array, dX: Float64Array, L: number, D: number): Float64Array {
  const out = new Float64Array(dX.length);
  for (let i = 0; i < L; i++) {
    const norm = normOf(X, i, D);
    let along = 0;
    for (let d = i * D; d < (i + 1) * D; d++) along += (X[d] as number) * (dX[d] as number);
    along /= norm * norm;
    for (let d = i * D; d < (i + 1) * D; d++) out[d] = ((dX[d] as number) - (X[d] as number) * along) / norm;
  }
  return out;
}
