import { inflateRawSync } from 'node:zlib';
import { products as packed } from '#products';
import { PRODUCTS, type Products } from '../oracle/products.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  exactProducts(A: number, B: number, n: number, m: number, depth: number, out: number, panels: number): void;
  roundedProducts(
    A: number,
    B: number,
    n: number,
    m: number,
    depth: number,
    out: number,
    panels: number,
    chunk: number,
  ): void;
}

const PAGE = 65536;
/** Lanes of a row of a panel, and what lies before the panels, in bytes. */
const PANEL_ROW = 32;

/** Products in WebAssembly with the bits of those in TypeScript, and these where the host has no SIMD or memory. */
export function wasmProducts(): Products {
  if (typeof WebAssembly === 'undefined') return PRODUCTS;
  const bytes = inflateRawSync(Buffer.from(packed, 'base64'));
  if (!WebAssembly.validate(bytes)) return PRODUCTS;
  const kernel = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports;
  return {
    exact(A, B, n, m, depth, out) {
      const places = placesOf(kernel, 8, { n, m, depth });
      if (!places) return PRODUCTS.exact(A, B, n, m, depth, out);
      const array = (at: number, length: number) => new Float64Array(kernel.memory.buffer, at, length);
      array(places.A, n * depth).set(A);
      array(places.B, m * depth).set(B);
      kernel.exactProducts(places.A, places.B, n, m, depth, places.out, places.panels);
      out.set(array(places.out, n * m));
    },
    rounded(A, B, n, m, depth, out, chunk) {
      const places = placesOf(kernel, 4, { n, m, depth });
      if (!places) return PRODUCTS.rounded(A, B, n, m, depth, out, chunk);
      const array = (at: number, length: number) => new Float32Array(kernel.memory.buffer, at, length);
      array(places.A, n * depth).set(A);
      array(places.B, m * depth).set(B);
      kernel.roundedProducts(places.A, places.B, n, m, depth, places.out, places.panels, Math.min(chunk, depth));
      out.set(array(places.out, n * m));
    },
  };
}

interface Sizes {
  readonly n: number;
  readonly m: number;
  readonly depth: number;
}

/** Where a product's arrays lie in the kernel's memory, grown as it must be; undefined where it cannot be. */
function placesOf({ memory, heapBase }: Exports, bytes: number, { n, m, depth }: Sizes) {
  const aligned = (at: number) => Math.ceil(at / 16) * 16;
  const A = aligned(heapBase());
  const B = aligned(A + n * depth * bytes);
  const out = aligned(B + m * depth * bytes);
  const panels = aligned(out + n * m * bytes) + PANEL_ROW;
  const end = panels + Math.ceil((m * bytes) / PANEL_ROW) * PANEL_ROW * depth;
  const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
  try {
    if (missing > 0) memory.grow(missing);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return { A, B, out, panels };
}
