import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wasmProducts } from '../src/cli/wasmProducts.js';
import { PRODUCTS, type Transposed } from '../src/oracle/products.js';
import { randomNumbers } from './support/arbitraries.js';

const size = fc.integer({ min: 1, max: 21 });

describe('products in WebAssembly', () => {
  const wasm = wasmProducts();
  // Numbers of many magnitudes, whose sums change with their order.
  const numbers = (seed: number, special: number) => {
    const next = randomNumbers(seed);
    return () => (special > 0 && Math.abs(next()) < 0.01 ? special : next() * 2 ** Math.round(20 * next()));
  };
  const special = fc.constantFrom(0, 1e38, Number.POSITIVE_INFINITY, Number.NaN, 2 ** -140);

  it('have the bits of those in TypeScript', () => {
    expect(wasm).not.toBe(PRODUCTS);
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 70 }),
        fc.constantFrom(1, 3, 8, Number.POSITIVE_INFINITY),
        fc.integer(),
        special,
        fc.constantFrom<Transposed>('', 'A', 'B'),
        (n, m, depth, chunk, seed, other, transposed) => {
          const next = numbers(seed, other);
          const [A, B] = [
            Float64Array.from({ length: n * depth }, next),
            Float64Array.from({ length: m * depth }, next),
          ];
          const exact = [new Float64Array(n * m), new Float64Array(n * m)] as const;
          wasm.exact(A, B, n, m, depth, exact[0], transposed);
          PRODUCTS.exact(A, B, n, m, depth, exact[1], transposed);
          expect(exact[0]).toEqual(exact[1]);
          const [a, b] = [new Float32Array(A), new Float32Array(B)];
          const rounded = [new Float32Array(n * m), new Float32Array(n * m)] as const;
          wasm.rounded(a, b, n, m, depth, rounded[0], transposed, chunk);
          PRODUCTS.rounded(a, b, n, m, depth, rounded[1], transposed, chunk);
          expect(rounded[0]).toEqual(rounded[1]);
        },
      ),
    );
  });

  it('take operands that lie transposed, with the bits of sums in the order of the index', () => {
    fc.assert(
      fc.property(size, size, size, fc.integer(), (n, m, depth, seed) => {
        const next = numbers(seed, 0);
        const [A, B] = [Float64Array.from({ length: n * depth }, next), Float64Array.from({ length: depth * m }, next)];
        const transpose = (x: Float64Array, rows: number, columns: number) =>
          Float64Array.from(x, (_, at) => x[(at % rows) * columns + Math.floor(at / rows)] as number);
        const sums = Float64Array.from({ length: n * m }, (_, at) => {
          let sum = 0;
          for (let d = 0; d < depth; d++)
            sum += (A[Math.floor(at / m) * depth + d] as number) * (B[d * m + (at % m)] as number);
          return sum;
        });
        for (const { exact } of [wasm, PRODUCTS]) {
          const out = new Float64Array(n * m);
          exact(A, B, n, m, depth, out, '');
          expect(out).toEqual(sums);
          exact(transpose(A, n, depth), B, n, m, depth, out.fill(0), 'A');
          expect(out).toEqual(sums);
          exact(A, transpose(B, depth, m), n, m, depth, out.fill(0), 'B');
          expect(out).toEqual(sums);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('fall back to TypeScript where memory does not suffice', () => {
    const [n, m, depth] = [1, 2 ** 22, 1];
    const B = new Float64Array(m * depth).fill(0.5);
    const out = new Float64Array(n * m);
    wasm.exact(Float64Array.of(3), B, n, m, depth, out, 'B');
    expect(out.every((x) => x === 1.5)).toBe(true);
  });
});
