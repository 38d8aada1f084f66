import { readSafetensors } from '../safetensors/readSafetensors.js';
import { describe } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';

/** A tensor that is to come. */
export interface TensorDescription {
  readonly dims: readonly number[];
  readonly type: string;
}

/** Tensors that come one by one, each in an array that nobody else has. */
export interface TensorSource {
  /** What is to come, by name. */
  readonly entries: ReadonlyMap<string, TensorDescription>;
  /** To be read once. Rejects for files that are malformed or cannot be read. */
  tensors(): AsyncGenerator<readonly [name: string, tensor: Tensor]>;
  /** Lets go of files that are not read to their end. */
  close(): Promise<void>;
}

/** The tensors of files that were given as bytes; arrays that these hold are shared. */
export function inMemory(shards: readonly (Uint8Array | ArrayBuffer)[]): TensorSource {
  const files = shards.map((bytes) => readSafetensors(bytes).tensors);
  const entries = new Map<string, TensorDescription>();
  for (const tensors of files) {
    for (const [name, { dims, type }] of Object.entries(tensors)) addEntry(entries, name, { dims, type });
  }
  return {
    entries,
    async *tensors() {
      for (const tensors of files) yield* Object.entries(tensors);
    },
    async close() {},
  };
}

/** @throws RangeError for a name that is there. */
export function addEntry(entries: Map<string, TensorDescription>, name: string, description: TensorDescription): void {
  if (entries.has(name)) throw new RangeError(`tensor ${describe(name)} expected in one shard, got it in two`);
  entries.set(name, description);
}

/** All tensors by name. */
export async function collected({ tensors }: TensorSource): Promise<Record<string, Tensor>> {
  const all: Record<string, Tensor> = Object.create(null);
  for await (const [name, tensor] of tensors()) all[name] = tensor;
  return all;
}

/** Runs `use`, and lets go of the files behind it. */
export async function closing<T>(source: TensorSource, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await source.close();
  }
}
