import { readFile, writeFile } from 'node:fs/promises';
import { zipSync } from 'fflate';
import { writeSafetensors } from '../safetensors/writeSafetensors.js';
import type { TensorLike } from '../tensor/tensor.js';
import { writeNpy } from './npy.js';
import { PARAMETERS, type TensorFile, tensorsOf } from './tensorBytes.js';

/** Reads tensors as `tensorsOf` says. */
export async function readTensors(path: string): Promise<TensorFile> {
  return tensorsOf(path, await readFile(path));
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
