import { checkObject, describe, message } from '../tensor/check.js';
import { product, type TensorLike } from '../tensor/tensor.js';
import { DTYPES, MAX_HEADER_BYTES } from './format.js';

/**
 * Writes a safetensors file. `tensors`: by name, `type` following from the array where it is absent. `metadata`: strings.
 * Tensors are stored widest element first, then by name, so that every one is aligned and equal input gives equal bytes.
 * Source: the safetensors format, https://huggingface.co/docs/safetensors.
 * @throws TypeError for what is no tensor, an array that does not hold its type, or metadata that is no string;
 * RangeError for dims that are no integers ≥ 0, a length that contradicts them, a tensor named `__metadata__`, or a
 * header over 100 MB.
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorLike>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = Object.entries(checkObject('tensors', tensors) as typeof tensors).map(([name, tensor]) =>
    checkEntry(name, tensor),
  );
  entries.sort((a, b) => b.stored.bytes - a.stored.bytes || (a.name < b.name ? -1 : 1));
  // Without a prototype, `__proto__` is a name like the others.
  const header: Record<string, unknown> = Object.create(null);
  if (metadata !== undefined) header.__metadata__ = checkMetadata(metadata);
  let end = 0;
  for (const { name, dtype, dims, bytes } of entries) {
    header[name] = { dtype, shape: dims, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  if (headerLength > MAX_HEADER_BYTES) {
    throw new RangeError(message('tensors', `a header of at most ${MAX_HEADER_BYTES} bytes`, describe(headerLength)));
  }
  const file = new Uint8Array(8 + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, 8, 8 + headerLength);
  file.set(json, 8);
  let at = 8 + headerLength;
  for (const { bytes } of entries) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

function checkEntry(name: string, tensor: TensorLike) {
  if (name === '__metadata__') throw new RangeError(message('tensors', 'names of tensors', name));
  const { data, dims, type } = tensor ?? {};
  if (!ArrayBuffer.isView(data) || !Array.isArray(dims)) {
    throw new TypeError(
      message(`tensors[${JSON.stringify(name)}]`, 'a tensor { data, dims } of a typed array', describe(tensor)),
    );
  }
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw new RangeError(message(`tensors[${JSON.stringify(name)}].dims`, 'integers ≥ 0', describe(dims)));
  }
  const view = data as ArrayBufferView & { readonly length: number };
  // Arrays of another realm are no instances of ours.
  const kind = Object.prototype.toString.call(view).slice(8, -1);
  const stored = Object.entries(DTYPES).find(([dtype, { type: own, array }]) => {
    // Float16Array, which runtimes from 2025 on have, is stored by its bits.
    const isHalf = dtype === 'F16' && kind === 'Float16Array';
    if (type !== undefined) return own === type && (kind === array.name || isHalf);
    return isHalf || (kind === array.name && !['BOOL', 'F16', 'BF16'].includes(dtype));
  });
  if (!stored) {
    const got = `${kind} with type ${JSON.stringify(type)}`;
    throw new TypeError(message(`tensors[${JSON.stringify(name)}]`, 'an array that holds its type', got));
  }
  if (view.length !== product(dims)) {
    const expected = `${product(dims)} elements for dims [${dims.join(', ')}]`;
    throw new RangeError(message(`tensors[${JSON.stringify(name)}].data`, expected, describe(view.length)));
  }
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { name, dtype: stored[0], stored: stored[1], dims, bytes };
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new TypeError(message('metadata', 'an object of strings', describe(metadata)));
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string')
      throw new TypeError(message(`metadata[${JSON.stringify(key)}]`, 'a string', describe(value)));
  }
  return metadata;
}
