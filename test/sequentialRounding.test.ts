import { describe, expect, it } from 'vitest';
import { quantizeWeight } from '../src/reference/linearInt8.js';
import type { QuantizedWeight } from '../src/swin/linearWeight.js';
import { Moments, roundSequentially } from '../src/swin/sequentialRounding.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

const INPUTS = 24;
const OUTPUTS = 10;

/** Vectors near a plane of 3 directions. */
function correlated(count: number, seed: number): Float64Array[] {
  const next = randomNumbers(seed);
  const directions = [0, 1, 2].map(() => Float64Array.from({ length: INPUTS }, next));
  return Array.from({ length: count }, () => {
    const parts = directions.map(() => 3 * next());
    return Float64Array.from({ length: INPUTS }, (_, i) => {
      return directions.reduce(
        (sum, direction, d) => sum + (parts[d] as number) * (direction[i] as number),
        0.1 * next(),
      );
    });
  });
}

function momentsOf(rows: readonly Float64Array[]): Moments {
  const moments = new Moments(INPUTS);
  for (const row of rows) moments.add(row);
  return moments;
}

function problem(seed: number) {
  const { data, dims } = randomTensor([OUTPUTS, INPUTS], randomNumbers(seed));
  const nearest: QuantizedWeight = { ...quantizeWeight(float32Tensor(dims, data)), type: 'int8' };
  return { weight: data, nearest };
}

/** Sum of the squared errors of the outputs. */
function outputError(weight: Float32Array, { data, scales }: QuantizedWeight, rows: readonly Float64Array[]): number {
  let total = 0;
  for (const row of rows) {
    for (let o = 0; o < OUTPUTS; o++) {
      let error = 0;
      for (let i = 0; i < INPUTS; i++) {
        const at = o * INPUTS + i;
        error += ((weight[at] as number) - (data[at] as number) * (scales[o] as number)) * (row[i] as number);
      }
      total += error ** 2;
    }
  }
  return total;
}

describe('sequential rounding', () => {
  it('factors the damped moments', () => {
    const moments = momentsOf(correlated(40, 1));
    const factor = moments.factor();
    const at = (matrix: Float64Array, row: number, column: number) => matrix[(row * (row + 1)) / 2 + column] as number;
    const n = INPUTS;
    const damping =
      (0.01 / n) * Array.from({ length: n }, (_, i) => at(moments.values, i, i)).reduce((a, b) => a + b, 0);
    const U = (i: number, k: number) => (i === k ? 1 : i < k ? at(factor, k, i) : 0);
    const M = (i: number, j: number) => at(moments.values, Math.max(i, j), Math.min(i, j)) + (i === j ? damping : 0);
    // D of U D Uᵀ = M, from the last one on.
    const D = new Float64Array(n);
    for (let k = n - 1; k >= 0; k--) {
      let rest = M(k, k);
      for (let m = k + 1; m < n; m++) rest -= U(k, m) ** 2 * (D[m] as number);
      D[k] = rest;
      expect(rest).toBeGreaterThan(0);
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let k = i; k < n; k++) sum += U(i, k) * (D[k] as number) * U(j, k);
        expect(Math.abs(sum - M(i, j))).toBeLessThan(1e-9 * M(0, 0));
      }
    }
  });

  it('rounds to nearest where inputs have nothing to do with each other, and where there are none', () => {
    const { weight, nearest } = problem(2);
    const axes = Array.from({ length: INPUTS }, (_, i) =>
      Float64Array.from({ length: INPUTS }, (_, j) => (i === j ? 2 : 0)),
    );
    for (const rows of [axes, []]) {
      const { data } = roundSequentially(weight, nearest, momentsOf(rows).factor());
      expect(data).toEqual(nearest.data);
    }
  });

  it('errs less than a quarter as much on correlated inputs, on others of the kind too', () => {
    const { weight, nearest } = problem(3);
    const all = correlated(120, 4);
    const rounded = roundSequentially(weight, nearest, momentsOf(all.slice(0, 60)).factor());
    for (const rows of [all.slice(0, 60), all.slice(60)]) {
      expect(outputError(weight, rounded, rows)).toBeLessThan(0.25 * outputError(weight, nearest, rows));
    }
    expect(rounded.scales).toEqual(nearest.scales);
    for (const value of rounded.data) expect(Math.abs(value)).toBeLessThanOrEqual(127);
  });
});
