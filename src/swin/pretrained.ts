import { readSafetensors } from '../safetensors/readSafetensors.js';
import { describe, message } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';
import type { SwinConfig } from './config.js';
import type { PreprocessorConfig } from './preprocessor.js';

/** A model as parsed and loaded files. */
export interface PretrainedFiles {
  /** Parsed `config.json`. */
  readonly config: SwinConfig;
  /** `model.safetensors`, or the shards of one. */
  readonly weights: Uint8Array | ArrayBuffer | readonly (Uint8Array | ArrayBuffer)[];
  /** Parsed `preprocessor_config.json`. */
  readonly preprocessor?: PreprocessorConfig | undefined;
}

/** A directory (Node, Deno, Bun), the URL of one, or its files. */
export type PretrainedSource = string | URL | PretrainedFiles;

/** How far a file of weights has come. */
export interface LoadProgress {
  readonly file: string;
  /** Bytes so far, and in all where the server says so. */
  readonly loaded: number;
  readonly total: number | undefined;
}

export interface Pretrained {
  readonly config: SwinConfig;
  readonly tensors: Readonly<Record<string, TensorLike>>;
  readonly preprocessor: PreprocessorConfig | undefined;
}

type OnProgress = (progress: LoadProgress) => void;
/** Undefined where there is no such file. */
type Read = (file: string, onProgress?: OnProgress) => Promise<Uint8Array | undefined>;

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Reads `config.json`, `model.safetensors` or the shards that `model.safetensors.index.json` names, and, where there is
 * one, `preprocessor_config.json`.
 * @throws TypeError for what is no source; RangeError for malformed files; Error for a file that cannot be read.
 */
export async function loadPretrained(source: PretrainedSource, onProgress?: OnProgress): Promise<Pretrained> {
  if (typeof source === 'object' && source !== null && 'config' in source && 'weights' in source) {
    const { config, weights, preprocessor } = source;
    return { config, tensors: tensorsOf(Array.isArray(weights) ? weights : [weights]), preprocessor };
  }
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new TypeError(message('source', 'a directory, a URL or { config, weights }', describe(source)));
  }
  const read = reader(source);
  const [config, preprocessor] = await Promise.all([required(read, 'config.json'), read('preprocessor_config.json')]);
  return {
    config: parseJson('config.json', config) as SwinConfig,
    tensors: tensorsOf(await readWeights(read, onProgress)),
    preprocessor: preprocessor && (parseJson('preprocessor_config.json', preprocessor) as PreprocessorConfig),
  };
}

async function readWeights(read: Read, onProgress: OnProgress | undefined): Promise<Uint8Array[]> {
  const whole = await read(WEIGHTS, onProgress);
  if (whole) return [whole];
  const index = await read(INDEX);
  if (!index) throw new Error(`${WEIGHTS} or ${INDEX} expected to be there, got neither`);
  const { weight_map: map } = parseJson(INDEX, index) as { weight_map?: unknown };
  const files = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))] : [];
  // A name with a slash could leave the directory.
  if (files.length === 0 || !files.every((file) => typeof file === 'string' && /^[^/\\]+$/.test(file))) {
    throw new RangeError(message(INDEX, 'a weight_map from tensors to file names', describe(map)));
  }
  return Promise.all(files.map((file) => required(read, file as string, onProgress)));
}

function tensorsOf(shards: readonly (Uint8Array | ArrayBuffer)[]): Record<string, TensorLike> {
  const tensors: Record<string, TensorLike> = {};
  for (const shard of shards) {
    for (const [name, tensor] of Object.entries(readSafetensors(shard).tensors)) {
      if (Object.hasOwn(tensors, name)) throw new RangeError(`tensor "${name}" expected in one shard, got it in two`);
      tensors[name] = tensor;
    }
  }
  return tensors;
}

async function required(read: Read, file: string, onProgress?: OnProgress): Promise<Uint8Array> {
  const bytes = await read(file, onProgress);
  if (!bytes) throw new Error(`${file} expected to be there, got no such file (ENOENT)`);
  return bytes;
}

function reader(source: string | URL): Read {
  const url = source instanceof URL ? source : /^[a-z][a-z+.-]+:\/\//i.test(source) ? new URL(source) : undefined;
  const base = url && (url.href.endsWith('/') ? url.href : `${url.href}/`);
  if (base && url.protocol !== 'file:') return (file, onProgress) => download(new URL(file, base), file, onProgress);
  return async (file, onProgress) => {
    const { readFile } = process.getBuiltinModule('node:fs/promises');
    try {
      const bytes = await readFile(base ? new URL(file, base) : `${source}/${file}`);
      onProgress?.({ file, loaded: bytes.length, total: bytes.length });
      return bytes;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
      throw error;
    }
  };
}

async function download(url: URL, file: string, onProgress?: OnProgress): Promise<Uint8Array | undefined> {
  const response = await fetch(url);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url} expected to be there, got HTTP status ${response.status}`);
  if (!onProgress || !response.body) return new Uint8Array(await response.arrayBuffer());
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const total = Number.isFinite(length) ? length : undefined;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  for (const stream = response.body.getReader(); ; ) {
    const { done, value } = await stream.read();
    if (done) break;
    chunks.push(value);
    loaded += value.length;
    onProgress({ file, loaded, total });
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function parseJson(file: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new RangeError(`${file} expected to be JSON: ${(cause as Error).message}`, { cause });
  }
}
