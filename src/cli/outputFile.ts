import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { listed } from './text.js';
import { UsageError } from './usageError.js';

/** Endings of files of tensors. */
export const TENSOR_FILES = ['.safetensors', '.npz'] as const;

/**
 * Finds before long work begins what would keep its result from being written to `path`.
 * @throws UsageError for an ending that is none of `endings`, for one of the `inputs` itself, under whatever name, and for
 * a directory that is not there or may not be written.
 */
export function checkOutput(
  option: string,
  path: string,
  endings: readonly string[],
  inputs: readonly (string | undefined)[] = [],
): void {
  if (!endings.includes(extname(path))) {
    throw new UsageError(`${option} expected a file that ends in ${listed(endings, 'or')}, got ${path}`);
  }
  const input = inputs.find((name) => name !== undefined && isSame(name, path));
  if (input !== undefined) throw new UsageError(`${option} expected another file than the input ${input}, got ${path}`);
  const entry = entryAt(path);
  if (entry?.isDirectory()) throw new UsageError(`${option} expected a file, got the directory ${path}`);
  const reason = problemOf(dirname(path));
  if (reason) throw new UsageError(`${option} expected a place for a file, got ${path}, whose directory ${reason}`);
}

function problemOf(directory: string): string | undefined {
  const entry = entryAt(directory);
  if (!entry) return 'does not exist';
  if (!entry.isDirectory()) return 'is a file';
  try {
    accessSync(directory, constants.W_OK);
    return undefined;
  } catch {
    return 'may not be written';
  }
}

/** Whether two paths lead to one file or directory, by links too. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [entryAt(a), entryAt(b)];
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function entryAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
