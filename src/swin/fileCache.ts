import { type ByteSource, fileSource, streamSource } from '../safetensors/byteSource.js';
import { nodeBuiltin } from '../tensor/host.js';
import { makeDirectory } from './makeDirectory.js';

/** Keeps what was downloaded, and which files were not there. */
export interface FileCache {
  match(url: string): Promise<ByteSource | 'missing' | undefined>;
  /** Keeps a file once its stream has ended; not if it fails. */
  store(url: string, file: ReadableStream<Uint8Array> | 'missing'): Promise<void>;
}

const MISSING = 404;

/** The Cache API, which browsers, Deno and Cloudflare Workers have. */
export function webCache(cache: Cache): FileCache {
  return {
    async match(url) {
      const response = await cache.match(url);
      if (response?.status === MISSING) return 'missing';
      return response?.body ? streamSource(response.body) : undefined;
    },
    store: (url, file) =>
      cache.put(url, file === 'missing' ? new Response(null, { status: MISSING }) : new Response(file)),
  };
}

/** A directory, made where it is missing. A file's name is the hash of its URL; an empty one was not there. */
export function directoryCache(directory: string): FileCache {
  const { createWriteStream } = process.getBuiltinModule('node:fs');
  const { open, rename, rm, writeFile } = process.getBuiltinModule('node:fs/promises');
  const { join } = process.getBuiltinModule('node:path');
  const { Writable } = process.getBuiltinModule('node:stream');
  const { createHash, randomUUID } = process.getBuiltinModule('node:crypto');
  const pathOf = (url: string) => join(directory, createHash('sha256').update(url).digest('hex'));
  return {
    async match(url) {
      const handle = await open(pathOf(url)).catch(() => undefined);
      if (!handle) return undefined;
      if ((await handle.stat()).size === 0) {
        await handle.close();
        return 'missing';
      }
      return fileSource(handle);
    },
    async store(url, file) {
      await makeDirectory(directory);
      // Under its name once it is whole, so that no other process reads a part.
      const partial = `${pathOf(url)}.${randomUUID()}`;
      try {
        if (file === 'missing') await writeFile(partial, '');
        else await file.pipeTo(Writable.toWeb(createWriteStream(partial)));
        await rename(partial, pathOf(url));
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
  };
}

/**
 * The cache that an option names: a `Cache`, a directory (Node, Deno, Bun), or the name of a `Cache` where there are no
 * directories.
 */
export async function openCache(cache: Cache | string): Promise<FileCache> {
  if (typeof cache !== 'string') return webCache(cache);
  return hasFiles() ? directoryCache(cache) : webCache(await caches.open(cache));
}

/** Whether this host has a file system. */
export function hasFiles(): boolean {
  return nodeBuiltin('node:fs') !== undefined;
}
