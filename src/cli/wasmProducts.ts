import { inflateRawSync } from 'node:zlib';
import { products as packed } from '#products';
import { PRODUCTS, type Products, type Transposed } from '../oracle/products.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  exactProducts(...args: [...Operands, panels: number]): void;
  roundedProducts(...args: [...Operands, panels: number, chunk: number]): void;
}

type Operands = [
  A: number,
  B: number,
  n: number,
  m: number,
  depth: number,
  out: number,
  isATransposed: boolean,
  isBTransposed: boolean,
];

const PAGE = 65536;
/** Lanes of a row of a panel, and what lies before the panels, in bytes. */
const PANEL_ROW = 32;

/** Products in WebAssembly with the bits of those in TypeScript, and these where the host has no SIMD or memory. */
export function wasmProducts(): Products {
  if (typeof WebAssembly === 'undefined') return PRODUCTS;
  const bytes = inflateRawSync(Buffer.from(packed, 'base64'));
  if (!WebAssembly.validate(bytes)) return PRODUCTS;
  const kernel = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports;
  const exactPlaces = placesIn(kernel, Float64Array);
  const roundedPlaces = placesIn(kernel, Float32Array);
  return {
    exact(A, B, n, m, depth, out, transposed) {
      const places = exactPlaces(n, m, depth);
      if (!places) return PRODUCTS.exact(A, B, n, m, depth, out, transposed);
      places.A.set(A);
      places.B.set(B);
      kernel.exactProducts(...operands(places, transposed), places.panels);
      out.set(places.out);
    },
    rounded(A, B, n, m, depth, out, transposed, chunk) {
      const places = roundedPlaces(n, m, depth);
      if (!places) return PRODUCTS.rounded(A, B, n, m, depth, out, transposed, chunk);
      places.A.set(A);
      places.B.set(B);
      kernel.roundedProducts(...operands(places, transposed), places.panels, Math.min(chunk, depth));
      out.set(places.out);
    },
  };
}

/** Where a product's arrays lie in the kernel's memory. */
interface Places<T> {
  readonly n: number;
  readonly m: number;
  readonly depth: number;
  readonly A: T;
  readonly B: T;
  readonly out: T;
  readonly panels: number;
}

function operands({ A, B, n, m, depth, out }: Places<Float32Array | Float64Array>, transposed: Transposed): Operands {
  return [A.byteOffset, B.byteOffset, n, m, depth, out.byteOffset, transposed === 'A', transposed === 'B'];
}

/** Finds places in memory, which grows as it must; undefined where it cannot. A case has few sizes, whose views are kept. */
function placesIn<T extends Float32Array | Float64Array>(
  { memory, heapBase }: Exports,
  array: { new (buffer: ArrayBuffer, at: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
) {
  const bytes = array.BYTES_PER_ELEMENT;
  const aligned = (at: number) => Math.ceil(at / 16) * 16;
  let known: Places<T>[] = [];
  return (n: number, m: number, depth: number): Places<T> | undefined => {
    // Growing memory detached what it had been seen through.
    if (known[0] && known[0].A.buffer !== memory.buffer) known = [];
    for (const places of known) if (places.n === n && places.m === m && places.depth === depth) return places;
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
    const { buffer } = memory;
    const places = {
      n,
      m,
      depth,
      A: new array(buffer, A, n * depth),
      B: new array(buffer, B, m * depth),
      out: new array(buffer, out, n * m),
      panels,
    };
    if (known[0]?.A.buffer !== buffer) known = [];
    known.push(places);
    return places;
  };
}
