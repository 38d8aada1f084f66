import { describe, message } from '../tensor/check.js';

/** Letters that lead to no other directory or host, whatever resolves them. */
const FILE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.\- ]*$/u;

/**
 * The files that a parsed `model.safetensors.index.json` names, each once.
 * Source: transformers, `save_pretrained`: `weight_map`, from tensors to files.
 * @throws RangeError naming the index by `path`, and the tensor whose file is no name of one beside it.
 */
export function shardNames(path: string, index: unknown): string[] {
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw bad(path, 'weight_map', 'an object from tensors to files', describe(map));
  }
  const entries = Object.entries(map);
  if (entries.length === 0) throw bad(path, 'weight_map', 'a tensor or more', '{}');
  for (const [tensor, name] of entries) {
    if (typeof name === 'string' && FILE_NAME.test(name)) continue;
    throw bad(path, `weight_map[${describe(tensor)}]`, 'the name of a file beside it', describe(name));
  }
  return [...new Set(Object.values(map as Record<string, string>))];
}

function bad(path: string, name: string, expected: string, got: string): RangeError {
  return new RangeError(`${path}: ${message(name, expected, got)}`);
}
