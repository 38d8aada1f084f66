import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wasmProducts } from '../src/cli/wasmProducts.js';
import { PRODUCTS } from '../src/oracle/products.js';
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
        (n, m, depth, chunk, seed, other) => {
          const next = numbers(seed, other);
          const [A, B] = [
            Float64Array.from({ length: n * depth }, next),
            Float64Array.from({ length: m * depth }, next),
          ];
          const exact = [new Float64Array(n * m), new Float64Array(n * m)] as const;
          wasm.exact(A, B, n, m, depth, exact[0]);
          PRODUCTS.exact(A, B, n, m, depth, exact[1]);
          expect(exact[0]).toEqual(exact[1]);
          const [a, b] = [new Float32Array(A), new Float32Array(B)];
          const rounded = [new Float32Array(n * m), new Float32Array(n * m)] as const;
          wasm.rounded(a, b, n, m, depth, rounded[0], chunk);
          PRODUCTS.rounded(a, b, n, m, depth, rounded[1], chunk);
          expect(rounded[0]).toEqual(rounded[1]);
        },
      ),
    );
  });

  it('fall back to TypeScript where memory does not suffice', () => {
    const [n, m, depth] = [1, 2 ** 22, 1];
    const B = new Float64Array(m * depth).fill(0.5);
    const out = new Float64Array(n * m);
    wasm.exact(Float64Array.of(3), B, n, m, depth, out);
    expect(out.every((x) => x === 1.5)).toBe(true);
  });
});
