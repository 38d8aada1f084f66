import { type ByteSource, readToEnd } from '../safetensors/byteSource.js';
import { openSafetensors, type SafetensorsStream } from '../safetensors/safetensorsStream.js';
import { onAbort } from '../tensor/abortListeners.js';
import { type AbortSignalLike, throwIfAborted } from '../tensor/abortSignal.js';
import { describe, message, tagOf } from '../tensor/check.js';
import type { HostCache, HostFetch, HostUrl } from '../tensor/hostTypes.js';
import type { SwinConfig } from './config.js';
import { hasFiles, openCache } from './fileCache.js';
import { explained } from './foreignQuantization.js';
import { directoryFiles, type Missing, type ModelFiles, urlFiles } from './modelFiles.js';
import { checkLoadingOptions } from './options.js';
import type { PreprocessorConfig } from './preprocessor.js';
import { shardNames } from './shardNames.js';
import { addEntry, inMemory, type TensorDescription, type TensorSource } from './tensorSource.js';
import type { TimmConfig } from './timmConfig.js';
import { timmPreprocessor } from './timmPreprocessor.js';

/** A model as parsed and loaded files. */
export interface PretrainedFiles {
  /** Parsed `config.json`. */
  readonly config: SwinConfig | TimmConfig;
  /** `model.safetensors`, or the shards of one. */
  readonly weights: Uint8Array | ArrayBuffer | readonly (Uint8Array | ArrayBuffer)[];
  /** Parsed `preprocessor_config.json`. */
  readonly preprocessor?: PreprocessorConfig | undefined;
}

/** A directory (Node, Deno, Bun), the URL of one, which a page may give relative to itself, or its files. */
export type PretrainedSource = string | HostUrl | PretrainedFiles;

/** How far a model's weights have come. */
export interface LoadProgress {
  /** The file that is coming. */
  readonly file: string;
  /** Bytes of all files so far, as they are after decompression, and in all. */
  readonly loaded: number;
  readonly total: number;
}

export interface LoadOptions {
  /** Hears of the weights as they come. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Downloads files in place of the host's. */
  readonly fetch?: HostFetch | undefined;
  /** Ends the loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * Keeps downloaded files, and is asked for them first: a directory in Node, Deno and Bun, elsewhere the name of a
   * `Cache`; or a `Cache`.
   */
  readonly cache?: HostCache | string | undefined;
}

export interface Pretrained {
  readonly config: SwinConfig | TimmConfig;
  readonly preprocessor: PreprocessorConfig | undefined;
  readonly weights: TensorSource;
}

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** Bytes of the longest JSON that is read. */
const MOST_JSON = 64 * 1024 * 1024;

/**
 * Reads `config.json`, where there is one `preprocessor_config.json`, and the headers of `model.safetensors` or of the
 * shards that `model.safetensors.index.json` names; their tensors come when `weights` is read.
 * @throws TypeError for what is no source; RangeError for malformed files; Error, naming its path or URL and the server's
 * status, for a file that cannot be read; the signal's reason.
 */
export async function loadPretrained(source: PretrainedSource, options: LoadOptions = {}): Promise<Pretrained> {
  checkLoadingOptions(options);
  const loading = load(source, options);
  try {
    return await abortable(loading, options.signal);
  } catch (error) {
    // What an aborted loading still opens is closed again.
    loading.then(({ weights }) => weights.close()).catch(() => {});
    throw error;
  }
}

async function load(source: PretrainedSource, options: LoadOptions): Promise<Pretrained> {
  if (typeof source === 'object' && source !== null && 'config' in source && 'weights' in source) {
    const { config, weights, preprocessor } = source;
    const shards = Array.isArray(weights) ? (weights as Uint8Array[]) : [weights as Uint8Array];
    return { config, preprocessor: preprocessor ?? timmPreprocessor(config), weights: inMemory(shards) };
  }
  if (typeof source !== 'string' && !isUrlObject(source)) {
    throw new TypeError(message('source', 'a directory, a URL or { config, weights }', describe(source)));
  }
  const files = await filesOf(source, options);
  const [config, preprocessor] = await Promise.all([
    readJson(files, 'config.json'),
    readJson(files, 'preprocessor_config.json'),
  ]);
  if (isMissing(config)) throw absent(files, 'config.json', config);
  return {
    config: config.value as Pretrained['config'],
    preprocessor: isMissing(preprocessor)
      ? timmPreprocessor(config.value as Pretrained['config'])
      : (preprocessor.value as PreprocessorConfig),
    weights: await openWeights(files, options).catch((error) => {
      throw explained(error, config.value as Pretrained['config']);
    }),
  };
}

async function filesOf(source: string | URL, { fetch, signal, cache }: LoadOptions): Promise<ModelFiles> {
  const isUrl = isUrlObject(source) || /^[a-z][a-z+.-]+:\/\//i.test(source);
  if (!isUrl && hasFiles()) return directoryFiles(source);
  const url = isUrl ? new URL(source) : relativeUrl(source);
  if (url.protocol === 'file:' && hasFiles()) {
    return directoryFiles(process.getBuiltinModule('node:url').fileURLToPath(url));
  }
  return urlFiles(url, {
    // Called as a function of its own: browsers refuse `fetch` as a method of another object.
    fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
    signal,
    cache: cache === undefined ? undefined : await openCache(cache),
  });
}

/** By tag and not by class: it may be of another realm. */
function isUrlObject(source: unknown): source is URL {
  return tagOf(source) === 'URL';
}

function relativeUrl(source: string): URL {
  const page = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(source, page);
  } catch (cause) {
    const expected = 'a whole URL, or { config, weights }, where there are neither files nor a page';
    throw new TypeError(message('source', expected, describe(source)), { cause });
  }
}

async function readJson(files: ModelFiles, file: string): Promise<{ readonly value: unknown } | Missing> {
  const source = await files.open(file);
  if (isMissing(source)) return source;
  let bytes: Uint8Array;
  try {
    bytes = await readToEnd(source, MOST_JSON);
  } catch (error) {
    throw error instanceof RangeError ? new RangeError(`${files.locate(file)}: ${error.message}`) : error;
  } finally {
    await source.close();
  }
  const text = new TextDecoder().decode(bytes);
  if (text.trimStart().startsWith('<')) {
    await files.forget(file);
    return { missing: 'a page of HTML' };
  }
  try {
    return { value: JSON.parse(text) };
  } catch (cause) {
    await files.forget(file);
    throw new RangeError(`${files.locate(file)} expected to be JSON: ${(cause as Error).message}`, { cause });
  }
}

async function openWeights(files: ModelFiles, options: LoadOptions): Promise<TensorSource> {
  const whole = await files.open(WEIGHTS);
  if (!isMissing(whole)) return joined(files, [{ file: WEIGHTS, source: whole }], options);
  const index = await readJson(files, INDEX);
  if (isMissing(index)) {
    const neither = `neither: ${whole.missing}, and ${index.missing}`;
    throw new Error(`${files.locate(WEIGHTS)} or ${INDEX} expected to be there, got ${neither}`);
  }
  const names = shardNames(files.locate(INDEX), index.value);
  const opened: { file: string; source: ByteSource }[] = [];
  try {
    for (const file of names) {
      const source = await files.open(file);
      if (isMissing(source)) throw absent(files, file, source);
      opened.push({ file, source });
    }
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
  return joined(files, opened, options);
}

/** The tensors of opened files, as one. */
async function joined(
  files: ModelFiles,
  opened: readonly { readonly file: string; readonly source: ByteSource }[],
  { onProgress, signal }: LoadOptions,
): Promise<TensorSource> {
  let [loaded, total] = [0, 0];
  const counted = ({ file, source }: (typeof opened)[number]): ByteSource => ({
    async fill(target) {
      throwIfAborted(signal);
      const filled = await abortable(source.fill(target), signal);
      loaded += filled;
      if (total > 0 && filled > 0) onProgress?.({ file, loaded, total });
      return filled;
    },
    close: () => source.close(),
  });
  const shards: { file: string; shard: SafetensorsStream }[] = [];
  const entries = new Map<string, TensorDescription>();
  try {
    for (const one of opened) {
      const shard = await naming(files, one.file, () => openSafetensors(counted(one)));
      shards.push({ file: one.file, shard });
      for (const { name, dims, stored } of shard.entries) addEntry(entries, name, { dims, type: stored.type });
    }
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
  total = shards.reduce((sum, { shard }) => sum + shard.fileLength, 0);
  return {
    entries,
    async *tensors() {
      try {
        for (const { file, shard } of shards) {
          const tensors = shard.tensors();
          for (;;) {
            const { done, value } = await naming(files, file, () => tensors.next());
            if (done) break;
            yield value;
          }
        }
      } finally {
        await closeAll(opened);
      }
    },
    close: () => closeAll(opened),
  };
}

/** Runs `read`, whose errors about the file's contents then say which file; no cache gives that file again. */
async function naming<T>(files: ModelFiles, file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    await files.forget(file);
    throw new RangeError(`${files.locate(file)}: ${error.message}`, { cause: error });
  }
}

async function closeAll(opened: readonly { readonly source: ByteSource }[]): Promise<void> {
  await Promise.allSettled(opened.map(({ source }) => source.close()));
}

/** `work`, or once the signal aborts its reason. */
function abortable<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    const stopListening = onAbort(signal, abort);
    work.then(resolve, reject).finally(stopListening);
  });
}

function isMissing(value: object): value is Missing {
  return 'missing' in value;
}

function absent(files: ModelFiles, file: string, { missing }: Missing): Error {
  return new Error(`${files.locate(file)} expected to be there, got ${missing}`);
}
