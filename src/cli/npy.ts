import type { DType, Tensor, TensorData, TensorLike } from '../tensor/tensor.js';
import { product } from '../tensor/tensor.js';
import type { Bytes } from './bytes.js';

/** A tensor of a file, read in parts along its first axis. */
export interface StoredTensor {
  readonly dims: readonly number[];
  readonly type: DType;
  read(first: number, count: number): Tensor;
}

interface ElementType {
  readonly type: DType;
  readonly array: { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer): TensorData };
}

/** NumPy's names of element types, without their order of bytes; V2 is what it makes of ml_dtypes' bfloat16. */
const TYPES: Readonly<Record<string, ElementType>> = {
  f2: { type: 'float16', array: Uint16Array },
  f4: { type: 'float32', array: Float32Array },
  f8: { type: 'float64', array: Float64Array },
  V2: { type: 'bfloat16', array: Uint16Array },
  b1: { type: 'bool', array: Uint8Array },
  i1: { type: 'int8', array: Int8Array },
  i2: { type: 'int16', array: Int16Array },
  i4: { type: 'int32', array: Int32Array },
  i8: { type: 'int64', array: BigInt64Array },
  u1: { type: 'uint8', array: Uint8Array },
  u2: { type: 'uint16', array: Uint16Array },
  u4: { type: 'uint32', array: Uint32Array },
  u8: { type: 'uint64', array: BigUint64Array },
};
const MAGIC = '\x93NUMPY';
const ALIGNMENT = 64;
const LONGEST_HEADER = 2 ** 20;

/** Bytes of a file's start that hold its header. */
export const NPY_START = 12 + LONGEST_HEADER;

interface Header {
  /** Where the elements begin. */
  readonly start: number;
  /** Undefined for elements that are no numbers. */
  readonly element: ElementType | undefined;
  readonly isBigEndian: boolean;
  readonly isColumns: boolean;
  readonly dims: readonly number[];
  /** `dims` as the header has them. */
  readonly shape: string;
  /** Of the whole file. */
  readonly size: number;
}

/** Bytes of the `.npy` file that starts so, by its header; undefined for elements that are no numbers. @throws RangeError for a file that is none. */
export function npySize(name: string, bytes: Bytes): number | undefined {
  const { element, size } = readHeader(name, bytes);
  return element && size;
}

function readHeader(name: string, bytes: Bytes): Header {
  const magic = bytes.size >= 12 ? bytes.read(0, 12) : new Uint8Array(12);
  const major = magic[6] as number;
  if (String.fromCharCode(...magic.subarray(0, 6)) !== MAGIC || major < 1 || major > 3) {
    throw new RangeError(`${name} expected to be a .npy file`);
  }
  const view = new DataView(magic.buffer);
  const [at, length] = major === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (length > LONGEST_HEADER)
    throw new RangeError(`${name} expected a header of at most ${LONGEST_HEADER} bytes, got ${length}`);
  const header = new TextDecoder('latin1').decode(bytes.read(at, length));
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const descr = /'descr':\s*'([<>|=]?)([^']*)'/.exec(header);
  if (shape === undefined || order === undefined || !/'descr':/.test(header)) {
    throw new RangeError(`${name} expected a .npy header, got ${header.trim()}`);
  }
  const element = TYPES[descr?.[2] ?? ''];
  const dims = shape.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  if (element && !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    throw new RangeError(`${name} expected a shape of integers ≥ 0, got (${shape})`);
  const start = at + length;
  const size = start + product(dims) * (element?.array.BYTES_PER_ELEMENT ?? 0);
  return { start, element, dims, shape, size, isBigEndian: descr?.[1] === '>', isColumns: order === 'True' };
}

/**
 * Opens a `.npy` file of numbers, in either order of bytes and of axes; undefined for elements of another type: texts,
 * records, objects. Source: NumPy, `numpy.lib.format`.
 * @throws RangeError for a file that is none.
 */
export function openNpy(name: string, bytes: Bytes): StoredTensor | undefined {
  const { start, element, dims, shape, size: expected, isBigEndian, isColumns } = readHeader(name, bytes);
  if (!element) return undefined;
  if (bytes.size !== expected) {
    throw new RangeError(`${name} expected ${expected - start} bytes for shape (${shape}), got ${bytes.size - start}`);
  }
  const size = element.array.BYTES_PER_ELEMENT;
  const load = (at: number, count: number) => {
    const loaded = bytes.read(start + at * size, count * size);
    if (isBigEndian) reverseBytes(loaded, size);
    return new element.array(loaded.buffer);
  };
  const { type } = element;
  if (isColumns && dims.length > 1) return transposed({ type, dims, load });
  const row = product(dims.slice(1));
  return {
    dims,
    type,
    read: (first, count) => ({ data: load(first * row, count * row), dims: [count, ...dims.slice(1)], type }),
  };
}

/** Fortran order: the first axis is the fastest, so that every part needs the whole. */
function transposed({
  type,
  dims,
  load,
}: {
  readonly type: DType;
  readonly dims: readonly number[];
  load(at: number, count: number): TensorData;
}): StoredTensor {
  let whole: TensorData | undefined;
  return {
    dims,
    type,
    read(first, count) {
      whole ??= inRowOrder(load(0, product(dims)), dims);
      const row = product(dims.slice(1));
      return { data: whole.slice(first * row, (first + count) * row), dims: [count, ...dims.slice(1)], type };
    },
  };
}

function inRowOrder(columns: TensorData, dims: readonly number[]): TensorData {
  const rows = columns.slice();
  const index = dims.map(() => 0);
  const strides = dims.map((_, axis) => product(dims.slice(0, axis)));
  for (let at = 0; at < rows.length; at++) {
    rows[at] = columns[index.reduce((sum, i, axis) => sum + i * (strides[axis] as number), 0)] as never;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return rows;
}

function reverseBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** Bytes of a `.npy` file; bfloat16 as ml_dtypes' arrays are written, to be read with `.view(ml_dtypes.bfloat16)`. */
export function writeNpy(name: string, { data, dims, type }: TensorLike): Uint8Array {
  const descr = Object.entries(TYPES).find(([, own]) => own.type === type)?.[0];
  if (!descr) throw new RangeError(`${name} expected numbers for .npz, got ${type}`);
  const order = descr === 'V2' || descr.endsWith('1') ? '|' : '<';
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '${order}${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const array = data as Float32Array;
  const bytes = new Uint8Array(10 + length + array.byteLength);
  bytes.set([...MAGIC].map((character) => character.charCodeAt(0)));
  bytes.set([1, 0, length & 0xff, length >> 8], 6);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 10 + length);
  return bytes;
}
