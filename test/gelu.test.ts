import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { gelu } from '../src/reference/index.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import { compileKernel } from './support/compileKernel.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  geluRows(x: number, stride: number, rows: number, count: number): void;
}

describe('gelu of the kernels', () => {
  let kernel: Exports;
  beforeAll(async () => {
    kernel = await compileKernel<Exports>('test/assembly/gelu.ts');
  });

  function computed(values: Float32Array): Float32Array {
    const at = Math.ceil(kernel.heapBase() / 64) * 64;
    new Float32Array(kernel.memory.buffer).set(values, at / 4);
    kernel.geluRows(at, 4 * values.length, 1, values.length);
    return new Float32Array(kernel.memory.buffer).slice(at / 4, at / 4 + values.length);
  }

  it('has an error of at most 3e-7, relative to numbers beyond 1', () => {
    const numbers = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(numbers, (values) => {
        const x = Float32Array.from(values);
        const truth = gelu(float32Tensor([x.length], x)).data;
        computed(x).forEach((y, i) => {
          expect(Math.abs(y - (truth[i] as number))).toBeLessThanOrEqual(3e-7 * Math.max(1, Math.abs(x[i] as number)));
        });
      }),
    );
  });

  it('keeps NaN and infinity, and vanishes far below', () => {
    const [infinity, nan, zero, large, ...vanished] = computed(
      Float32Array.of(Infinity, Number.NaN, 0, 1e30, -7, -1e30, -Infinity),
    );
    expect([infinity, nan, zero, large]).toEqual([Infinity, Number.NaN, 0, Math.fround(1e30)]);
    for (const value of vanished) expect(Math.abs(value)).toBeLessThanOrEqual(1e-6);
  });
});
