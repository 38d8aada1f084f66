import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileKernel } from './support/compileKernel.js';

interface Exports {
  exp64(x: number): number;
  log64(x: number): number;
}

const BOUND = 1e-15;

describe('float64 of the kernels', () => {
  let kernel: Exports;
  beforeAll(async () => {
    kernel = await compileKernel<Exports>('test/assembly/float64.ts');
  });

  it('exp64 is exact to 1e-15 from -708 to 0', () => {
    fc.assert(
      fc.property(fc.double({ min: -708, max: 0, noNaN: true }), (x) => {
        expect(Math.abs(kernel.exp64(x) / Math.exp(x) - 1)).toBeLessThanOrEqual(BOUND);
      }),
    );
    expect([-0, -709, -Infinity, Number.NaN].map(kernel.exp64)).toEqual([1, 0, 0, Number.NaN]);
  });

  it('log64 is exact to 1e-15 for normal numbers', () => {
    const normal = fc.oneof(
      fc.double({ min: 2 ** -1022, noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: 0.5, max: 2, noNaN: true }),
    );
    fc.assert(
      fc.property(normal, (x) => {
        const expected = Math.log(x);
        expect(Math.abs(kernel.log64(x) - expected)).toBeLessThanOrEqual(BOUND * Math.max(Math.abs(expected), 1e-300));
      }),
    );
    expect([1, Infinity, Number.NaN].map(kernel.log64)).toEqual([0, Infinity, Number.NaN]);
  });
});
