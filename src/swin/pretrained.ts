import { describe, message } from '../tensor/check.js';
import type { SwinConfig } from './config.js';
import type { PreprocessorConfig } from './preprocess.js';

/** A model as parsed and loaded files. */
export interface PretrainedFiles {
  /** Parsed `config.json`. */
  readonly config: SwinConfig;
  /** `model.safetensors`. */
  readonly weights: Uint8Array | ArrayBuffer;
  /** Parsed `preprocessor_config.json`. */
  readonly preprocessor?: PreprocessorConfig | undefined;
}

/** A directory (Node, Deno, Bun), the URL of one, or its files. */
export type PretrainedSource = string | URL | PretrainedFiles;

/** Reads `config.json`, `model.safetensors` and, where there is one, `preprocessor_config.json`. */
export async function loadPretrained(source: PretrainedSource): Promise<PretrainedFiles> {
  if (typeof source === 'object' && source !== null && 'config' in source && 'weights' in source) return source;
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new TypeError(message('source', 'a directory, a URL or { config, weights }', describe(source)));
  }
  const read = reader(source);
  const [config, weights, preprocessor] = await Promise.all([
    read('config.json'),
    read('model.safetensors'),
    read('preprocessor_config.json').catch(() => undefined),
  ]);
  return {
    config: parseJson('config.json', config) as SwinConfig,
    weights,
    preprocessor: preprocessor && (parseJson('preprocessor_config.json', preprocessor) as PreprocessorConfig),
  };
}

function reader(source: string | URL): (file: string) => Promise<Uint8Array> {
  const url = source instanceof URL ? source : /^[a-z][a-z+.-]+:\/\//i.test(source) ? new URL(source) : undefined;
  if (url && url.protocol !== 'file:') {
    const base = url.href.endsWith('/') ? url.href : `${url.href}/`;
    return (file) => download(new URL(file, base));
  }
  return async (file) => {
    const { readFile } = process.getBuiltinModule('node:fs/promises');
    return readFile(url ? new URL(file, url.href.endsWith('/') ? url : `${url.href}/`) : `${source}/${file}`);
  };
}

async function download(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} expected to be there, got HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function parseJson(file: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new RangeError(`${file} expected to be JSON: ${(cause as Error).message}`, { cause });
  }
}
