import { describe, message } from '../tensor/check.js';
import type { Tensor, TensorData } from '../tensor/tensor.js';
import type { StoredDType } from './format.js';
import { headerLength, LENGTH_BYTES, malformed, parseHeader } from './header.js';

/** A parsed file. */
export interface SafetensorsFile {
  /** By name, in the file's order. Elements are copied where the file does not align them, and shared otherwise. */
  readonly tensors: Record<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/**
 * Reads a safetensors file: BOOL, U8 … U64, I8 … I64, F16, BF16, F32 and F64, the half-precision types as bits in a
 * `Uint16Array`, BOOL as a `Uint8Array`.
 * Source: the safetensors format, https://huggingface.co/docs/safetensors (8-byte length, JSON header, data).
 * @throws TypeError for what is no `Uint8Array` or `ArrayBuffer`; RangeError, saying what is wrong, for a malformed
 * file: truncated, a header that is not what it claims or over 100 MB, offsets that leave the file, overlap, leave
 * holes or contradict the shape, a name twice, an unknown type.
 */
export function readSafetensors(bytes: Uint8Array | ArrayBuffer): SafetensorsFile {
  const file = checkBytes(bytes);
  const dataStart = LENGTH_BYTES + headerLength(file.subarray(0, LENGTH_BYTES));
  if (dataStart > file.length) {
    const got = `a file that ends after ${file.length - LENGTH_BYTES}`;
    throw malformed(`a header of ${dataStart - LENGTH_BYTES} bytes`, got);
  }
  const data = file.subarray(dataStart);
  const { entries, metadata } = parseHeader(file.subarray(LENGTH_BYTES, dataStart), data.length);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const { name, stored, dims, begin, end } of entries) {
    tensors[name] = { data: elements(data.subarray(begin, end), stored), dims, type: stored.type };
  }
  return { tensors, metadata };
}

/** Bytes as a plain `Uint8Array`: a Buffer's `slice` is a view, and arrays of another realm are no instances of ours. */
function checkBytes(bytes: unknown): Uint8Array {
  const kind = Object.prototype.toString.call(bytes);
  if (kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]')
    return new Uint8Array(bytes as ArrayBuffer);
  if (kind !== '[object Uint8Array]') {
    throw new TypeError(message('bytes', 'a Uint8Array or ArrayBuffer', describe(bytes)));
  }
  const { buffer, byteOffset, length } = bytes as Uint8Array;
  return new Uint8Array(buffer, byteOffset, length);
}

/** Little-endian bytes as elements; a copy where they are not aligned. */
export function elements(bytes: Uint8Array, { array }: StoredDType): TensorData {
  const isAligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? bytes : bytes.slice();
  return new array(buffer as ArrayBuffer, byteOffset, bytes.length / array.BYTES_PER_ELEMENT);
}
