import { headerLength, LENGTH_BYTES, malformed, parseHeader } from '../safetensors/header.js';
import { elements } from '../safetensors/readSafetensors.js';
import { product } from '../tensor/tensor.js';
import { type Bytes, memoryBytes } from './bytes.js';
import { NPY_START, npySize, openNpy, type StoredTensor } from './npy.js';
import { openZip } from './zip.js';

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The tensors of a file's bytes by its name's ending: safetensors, `.npz`, or one `.npy` tensor named as the file. Nothing
 * but headers is read, and the checksums of an .npz file unless it `isTrusted`. Arrays that hold no numbers are left out.
 * @throws RangeError for a malformed file.
 */
export function tensorsOf(path: string, file: Bytes | Uint8Array, isTrusted = false): TensorFile {
  const bytes = file instanceof Uint8Array ? memoryBytes(path, file) : file;
  try {
    if (!/\.np[yz]$/.test(path)) return safetensorsOf(bytes);
    const name = path.slice(path.lastIndexOf('/') + 1);
    const files = path.endsWith('.npy')
      ? new Map([[name, bytes]])
      : openZip(path, bytes, { isTrusted, sizeOf: sizeInZip, startBytes: NPY_START });
    const tensors = [...files].flatMap(([own, part]): [string, StoredTensor][] => {
      const tensor = openNpy(`${path}: ${own}`, part);
      return tensor ? [[own.replace(/\.npy$/, ''), tensor]] : [];
    });
    return { tensors: new Map(tensors), metadata: {} };
  } catch (error) {
    if (!(error instanceof RangeError) || error.message.startsWith(path)) throw error;
    if (!path.endsWith('.safetensors')) {
      const expected = `${path}: expected a .safetensors, .npz or .npy file`;
      throw new RangeError(`${expected} (${error.message})`, { cause: error });
    }
    throw new RangeError(`${path}: ${error.message}`, { cause: error });
  }
}

function sizeInZip(name: string, start: Bytes): number | undefined {
  return name.endsWith('.npy') ? npySize(name, start) : undefined;
}

function safetensorsOf(bytes: Bytes): TensorFile {
  const start = bytes.read(0, Math.min(LENGTH_BYTES, bytes.size));
  const dataStart = LENGTH_BYTES + headerLength(start);
  if (dataStart > bytes.size)
    throw malformed(
      `a header of ${dataStart - LENGTH_BYTES} bytes`,
      `a file that ends after ${bytes.size - LENGTH_BYTES}`,
    );
  const { entries, metadata } = parseHeader(bytes.read(LENGTH_BYTES, dataStart - LENGTH_BYTES), bytes.size - dataStart);
  const tensors = entries.map(({ name, stored, dims, begin }): [string, StoredTensor] => {
    const row = product(dims.slice(1)) * stored.bytes;
    const read = (first: number, count: number) => ({
      data: elements(bytes.read(dataStart + begin + first * row, count * row), stored),
      dims: [count, ...dims.slice(1)],
      type: stored.type,
    });
    return [name, { dims, type: stored.type, read }];
  });
  return { tensors: new Map(tensors), metadata };
}
