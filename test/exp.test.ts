import { beforeAll, describe, expect, it } from 'vitest';
import { randomNumbers } from './support/arbitraries.js';
import { compileKernel } from './support/compileKernel.js';

interface Exports {
  expInPlace(x: number, count: number, k: number): void;
}

describe('the exponential of the kernels', () => {
  let exp: (values: Float32Array, k?: number) => Float32Array;
  beforeAll(async () => {
    const kernel = await compileKernel<Exports>('test/assembly/exp.ts');
    exp = (values, k = 0) => {
      const at = new Float32Array(kernel.memory.buffer, 4096, values.length);
      at.set(values);
      kernel.expInPlace(4096, values.length, k);
      return at.slice();
    };
  });

  // The largest of all float32 from −87.3 to 0 is 1.82e-7; the bound is the documented one.
  it('is within 2e-7 of e^x from −87.3 to 0', () => {
    const next = randomNumbers(1);
    let worst = 0;
    for (let round = 0; round < 64; round++) {
      const largest = 87.3 * 2 ** -(round % 24);
      const x = Float32Array.from({ length: 16384 }, () => (largest * (next() - 1)) / 2);
      exp(x).forEach((y, i) => {
        worst = Math.max(worst, Math.abs(y / Math.exp(x[i] as number) - 1));
      });
    }
    expect(worst).toBeGreaterThan(1e-7);
    expect(worst).toBeLessThanOrEqual(2e-7);
  });

  it('is 1 at 0, 0 far below and NaN at NaN', () => {
    expect([...exp(Float32Array.of(0, -0, -89, -1e30, -Infinity, NaN, -3.4e38, -100))]).toEqual([
      1,
      1,
      0,
      0,
      0,
      NaN,
      0,
      0,
    ]);
  });

  it('is scaled by 2^-k, exactly', () => {
    const x = Float32Array.of(0, -1, -20, -70);
    const plain = exp(x);
    expect([...exp(x, 6)]).toEqual([...plain.map((y) => y / 64)]);
  });
});
