import { unzipSync } from 'fflate';
import { readSafetensors } from '../safetensors/readSafetensors.js';
import type { Tensor } from '../tensor/tensor.js';
import { readNpy } from './npy.js';

export interface TensorFile {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A scalar parameter travels beside the tensors of an .npz file as an array of no axes. */
export const PARAMETERS = ['scale'];

/**
 * The tensors of a file's bytes by its name's ending: safetensors, `.npz`, or one `.npy` tensor named as the file.
 * @throws RangeError for a malformed file.
 */
export function tensorsOf(path: string, bytes: Uint8Array): TensorFile {
  if (path.endsWith('.npy')) {
    const name = path.slice(path.lastIndexOf('/') + 1, -'.npy'.length);
    return { tensors: { [name]: readNpy(path, bytes) }, metadata: {} };
  }
  if (!path.endsWith('.npz')) return readSafetensors(bytes);
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (cause) {
    throw new RangeError(`${path} expected to be an .npz file: ${(cause as Error).message}`, { cause });
  }
  const arrays = Object.entries(entries).map(
    ([name, npy]) => [name.replace(/\.npy$/, ''), readNpy(name, npy)] as const,
  );
  const isParameter = ([name]: readonly [string, Tensor]) => PARAMETERS.includes(name);
  return {
    tensors: Object.fromEntries(arrays.filter((entry) => !isParameter(entry))),
    metadata: Object.fromEntries(arrays.filter(isParameter).map(([name, { data }]) => [name, String(data[0])])),
  };
}
