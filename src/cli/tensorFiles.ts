import { zipSync } from 'fflate';
import { writeSafetensors } from '../safetensors/writeSafetensors.js';
import type { TensorLike } from '../tensor/tensor.js';
import { fileBytes } from './fileBytes.js';
import { writeNpy } from './npy.js';
import { checkOutput, TENSOR_FILES } from './outputFile.js';
import { type TensorFile, tensorsOf } from './tensorBytes.js';
import { writeWhole } from './writeFile.js';

/** A scalar parameter travels beside the tensors of an .npz file as an array of no axes. */
const PARAMETERS = ['scale'];

/** Opens a file of tensors as `tensorsOf` says. @throws RangeError for a malformed file. */
export function openTensors(path: string, isTrusted = false): TensorFile & { close(): void } {
  const bytes = fileBytes(path);
  try {
    return { ...tensorsOf(path, bytes, isTrusted), close: bytes.close };
  } catch (error) {
    bytes.close();
    throw error;
  }
}

/** Writes tensors and their parameters, the same bytes every time, in the format that the file's ending names. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, TensorLike>>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  checkOutput('--output', path, TENSOR_FILES);
  if (!path.endsWith('.npz')) return writeWhole(path, writeSafetensors(tensors, metadata));
  const parameters = PARAMETERS.filter((name) => metadata[name] !== undefined).map((name): [string, TensorLike] => [
    name,
    { data: Float64Array.of(Number(metadata[name])), dims: [], type: 'float64' },
  ]);
  const files = [...Object.entries(tensors), ...parameters].map(([name, tensor]) => {
    return [`${name}.npy`, writeNpy(name, tensor)] as const;
  });
  // The zip's own clock would make every file another one.
  await writeWhole(path, zipSync(Object.fromEntries(files), { level: 0, mtime: '1980-01-01' }));
}
