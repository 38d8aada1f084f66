import type { Tensor, TensorData, TensorLike } from '../tensor/tensor.js';

/** NumPy's names of the types that tensors of attention have; it has none for bfloat16. */
const TYPES = { '<f4': 'float32', '<f8': 'float64', '<f2': 'float16' } as const;
const MAGIC = '\x93NUMPY';
const ALIGNMENT = 64;

/**
 * Reads a `.npy` file: little-endian float16, float32 or float64 in C order.
 * @throws RangeError for another type or order, or a file that is none. Source: NumPy, `numpy.lib.format`.
 */
export function readNpy(name: string, bytes: Uint8Array): Tensor {
  const text = String.fromCharCode(...bytes.subarray(0, 6));
  const major = bytes[6] ?? 0;
  if (text !== MAGIC || major < 1 || major > 3) throw new RangeError(`${name} expected to be a .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, length] = major === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + length));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1] ?? 'none';
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const type = TYPES[descr as keyof typeof TYPES];
  if (!type) throw new RangeError(`${name} expected float16, float32 or float64, little-endian, got ${descr}`);
  if (!/'fortran_order':\s*False/.test(header) || shape === undefined) {
    throw new RangeError(`${name} expected C order and a shape, got ${header.trim()}`);
  }
  const dims = shape
    .split(',')
    .map((size) => size.trim())
    .filter(Boolean)
    .map(Number);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const size = { float32: 4, float64: 8, float16: 2 }[type];
  // A copy: Node's Buffer slices share their memory, at any alignment.
  const data = new Uint8Array(bytes.subarray(start + length));
  if (data.length !== count * size)
    throw new RangeError(`${name} expected ${count * size} bytes of data, got ${data.length}`);
  return { data: arrayOf(type, data.buffer), dims, type };
}

/** Bytes of a `.npy` file. @throws RangeError for bfloat16, which NumPy does not have. */
export function writeNpy(name: string, { data, dims, type }: TensorLike): Uint8Array {
  const descr = Object.entries(TYPES).find(([, own]) => own === type)?.[0];
  if (!descr) throw new RangeError(`${name} expected float16, float32 or float64 for .npz, got ${type}`);
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const array = data as Float32Array;
  const bytes = new Uint8Array(10 + length + array.byteLength);
  bytes.set([...MAGIC].map((character) => character.charCodeAt(0)));
  bytes.set([1, 0, length & 0xff, length >> 8], 6);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 10 + length);
  return bytes;
}

function arrayOf(type: 'float16' | 'float32' | 'float64', buffer: ArrayBuffer): TensorData {
  if (type === 'float32') return new Float32Array(buffer);
  return type === 'float64' ? new Float64Array(buffer) : new Uint16Array(buffer);
}
