import { type ByteSource, fileSource, streamSource } from '../safetensors/byteSource.js';
import { describe, message } from '../tensor/check.js';
import { nodeBuiltin } from '../tensor/host.js';
import { makeDirectory } from './makeDirectory.js';

/** A file that a server said not to have. */
export interface NotThere {
  /** Milliseconds since 1970. */
  readonly notThereSince: number;
}

/** Keeps what was downloaded, and which files were not there. */
export interface FileCache {
  match(url: string): Promise<ByteSource | NotThere | undefined>;
  /** Keeps a file once its stream has ended; not if it fails. */
  store(url: string, file: ReadableStream<Uint8Array>): Promise<void>;
  storeNotThere(url: string): Promise<void>;
  /** Drops a file that turned out to be of no use. */
  forget(url: string): Promise<void>;
}

const NOT_FOUND = 404;

/** The Cache API, which browsers, Deno and Cloudflare Workers have. */
export function webCache(cache: Cache): FileCache {
  return {
    async match(url) {
      const response = await cache.match(url);
      if (response?.status === NOT_FOUND) {
        return { notThereSince: Date.parse(response.headers.get('date') ?? '') || 0 };
      }
      return response?.body ? streamSource(response.body) : undefined;
    },
    async store(url, file) {
      await cache.put(url, new Response(file));
    },
    async storeNotThere(url) {
      const headers = { date: new Date().toUTCString() };
      await cache.put(url, new Response(null, { status: NOT_FOUND, headers }));
    },
    async forget(url) {
      await cache.delete(url);
    },
  };
}

/** A directory, made where it is missing. A file's name is the hash of its URL, with `.missing` for one that was not there. */
export function directoryCache(directory: string): FileCache {
  const { createWriteStream } = process.getBuiltinModule('node:fs');
  const { open, rename, rm, stat, writeFile } = process.getBuiltinModule('node:fs/promises');
  const { join } = process.getBuiltinModule('node:path');
  const { Writable } = process.getBuiltinModule('node:stream');
  const { createHash, randomUUID } = process.getBuiltinModule('node:crypto');
  const pathOf = (url: string) => join(directory, createHash('sha256').update(url).digest('hex'));
  return {
    async match(url) {
      const handle = await open(pathOf(url)).catch(() => undefined);
      // A machine that failed may leave a name without the bytes.
      if (handle && (await handle.stat()).size > 0) return fileSource(handle);
      await handle?.close();
      const missing = await stat(`${pathOf(url)}.missing`).catch(() => undefined);
      return missing && { notThereSince: missing.mtimeMs };
    },
    async store(url, file) {
      await makeDirectory(directory);
      // Under its name once it is whole, so that no other process reads a part.
      const partial = `${pathOf(url)}.${randomUUID()}`;
      try {
        await file.pipeTo(Writable.toWeb(createWriteStream(partial)));
        await rename(partial, pathOf(url));
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async storeNotThere(url) {
      await makeDirectory(directory);
      await writeFile(`${pathOf(url)}.missing`, '');
    },
    forget: (url) => rm(pathOf(url), { force: true }),
  };
}

/**
 * The cache that an option names: a `Cache`, a directory (Node, Deno, Bun), or the name of a `Cache` where there are no
 * directories; undefined where the host opens none of that name, as it may in a page whose storage is blocked.
 * @throws TypeError for a name where the host has neither.
 */
export async function openCache(cache: Cache | string): Promise<FileCache | undefined> {
  if (typeof cache !== 'string') return webCache(cache);
  if (hasFiles()) return directoryCache(cache);
  if (!('caches' in globalThis)) {
    throw new TypeError(
      message('cache', 'a Cache where the host has neither directories nor `caches`', describe(cache)),
    );
  }
  try {
    return webCache(await caches.open(cache));
  } catch {
    return undefined;
  }
}

/** Whether this host has a file system. */
export function hasFiles(): boolean {
  return nodeBuiltin('node:fs') !== undefined;
}
