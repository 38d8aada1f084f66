import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { readSafetensors } from '../safetensors/readSafetensors.js';
import { writeSafetensors } from '../safetensors/writeSafetensors.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import { readNpy, writeNpy } from './npy.js';

export interface TensorFile {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A scalar parameter travels beside the tensors of an .npz file as an array of no axes. */
const PARAMETERS = ['scale'];

/**
 * Reads tensors by the file's ending: safetensors, `.npz`, or one `.npy` tensor named as the file.
 * @throws RangeError for a malformed file.
 */
export async function readTensors(path: string): Promise<TensorFile> {
  const bytes = await readFile(path);
  if (path.endsWith('.npy')) return { tensors: { [basename(path, '.npy')]: readNpy(path, bytes) }, metadata: {} };
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

/** Writes tensors and their parameters, the same bytes every time; .npz by the file's ending, else safetensors. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, TensorLike>>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  if (!path.endsWith('.npz')) {
    await writeFile(path, writeSafetensors(tensors, metadata));
    return;
  }
  const parameters = PARAMETERS.filter((name) => metadata[name] !== undefined).map((name): [string, TensorLike] => [
    name,
    { data: Float64Array.of(Number(metadata[name])), dims: [], type: 'float64' },
  ]);
  const files = [...Object.entries(tensors), ...parameters].map(([name, tensor]) => {
    return [`${name}.npy`, writeNpy(name, tensor)] as const;
  });
  // The zip's own clock would make every file another one.
  await writeFile(path, zipSync(Object.fromEntries(files), { level: 0, mtime: '1980-01-01' }));
}
