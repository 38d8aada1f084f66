import { type ByteSource, fileSource, streamSource } from '../safetensors/byteSource.js';
import type { AbortSignalLike } from '../tensor/abortSignal.js';
import type { FileCache } from './fileCache.js';

/** Why a file cannot be had. */
export interface Missing {
  readonly missing: string;
}

/** Where the files of a model lie. */
export interface ModelFiles {
  /** The path or URL of a file, for errors. */
  locate(file: string): string;
  /** Rejects with an Error that names the file, for what is not simply missing; so does reading it. */
  open(file: string): Promise<ByteSource | Missing>;
  /** To be called for a file whose contents are no use, so that it is not taken from a cache again. */
  forget(file: string): Promise<void>;
}

export interface DownloadOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignalLike | undefined;
  readonly cache: FileCache | undefined;
}

/** Statuses of servers that do not have a file. */
const NOT_THERE = [404, 410];
/** What storage that lists nothing answers instead; it also stands for a login that has run out. */
const FORBIDDEN = 403;
/** How long a server is not asked again for what it did not have, milliseconds. */
const ASK_AGAIN = 24 * 3600 * 1000;

/** The files of a directory, for Node, Deno and Bun. */
export function directoryFiles(directory: string): ModelFiles {
  const { open } = process.getBuiltinModule('node:fs/promises');
  const { join } = process.getBuiltinModule('node:path');
  return {
    locate: (file) => join(directory, file),
    async open(file) {
      const path = join(directory, file);
      try {
        return named(path, fileSource(await open(path)), undefined);
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return { missing: 'no such file (ENOENT)' };
        throw error;
      }
    },
    async forget() {},
  };
}

/** The files below a URL, whose query every file's URL has too. */
export function urlFiles(base: URL, { fetch, signal, cache }: DownloadOptions): ModelFiles {
  const urlOf = (file: string) => {
    const url = new URL(base);
    url.hash = '';
    url.pathname = `${base.pathname.replace(/\/*$/, '/')}${encodeURIComponent(file)}`;
    return url;
  };
  return {
    locate: (file) => urlOf(file).href,
    async open(file) {
      const url = urlOf(file);
      // A cache that fails has nothing.
      const kept = await cache?.match(url.href).catch(() => undefined);
      if (kept && !('notThereSince' in kept)) return named(url.href, kept, signal);
      const before = { missing: 'none before, as the cache says' };
      if (kept && Date.now() - kept.notThereSince < ASK_AGAIN) return before;
      let response: Response;
      try {
        response = await fetchNamed(url, fetch, signal);
      } catch (error) {
        if (kept && !signal?.aborted) return before;
        throw error;
      }
      const { status, headers, body } = response;
      if (!response.ok) await body?.cancel();
      if (NOT_THERE.includes(status)) await cache?.storeNotThere(url.href).catch(() => {});
      if (NOT_THERE.includes(status) || status === FORBIDDEN) return { missing: `HTTP status ${status}` };
      if (!response.ok) throw new Error(`${url.href} expected to be there, got HTTP status ${status}`);
      // Servers of single-page applications answer what they lack with their page.
      if (/^text\/html\b/i.test(headers.get('content-type') ?? '')) {
        await body?.cancel();
        return { missing: `a page of HTML with HTTP status ${status}` };
      }
      if (!body) throw new Error(`${url.href} expected to have a body, got none with HTTP status ${status}`);
      const stream = cache ? keeping(body, (copy) => cache.store(url.href, copy)) : body;
      return named(url.href, streamSource(stream), signal);
    },
    async forget(file) {
      await cache?.forget(urlOf(file).href).catch(() => {});
    },
  };
}

/** The same source, whose errors name the file, but for the signal's reason. */
function named(name: string, source: ByteSource, signal: AbortSignalLike | undefined): ByteSource {
  return {
    async fill(target) {
      try {
        return await source.fill(target);
      } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        throw new Error(`${name} expected to be read to its end, got: ${(cause as Error).message}`, { cause });
      }
    },
    // A source that broke says so again.
    close: () => source.close().catch(() => {}),
  };
}

async function fetchNamed(
  url: URL,
  fetch: DownloadOptions['fetch'],
  signal: AbortSignalLike | undefined,
): Promise<Response> {
  try {
    return await fetch(url, signal ? { signal: signal as AbortSignal } : {});
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new Error(`${url.href} expected to be fetched, got: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The same stream, which hands every part to `store`, too, at the pace of both. Once the store has settled, whatever it has
 * read, the copy is dropped and the stream goes on alone.
 */
function keeping(
  stream: ReadableStream<Uint8Array>,
  store: (copy: ReadableStream<Uint8Array>) => Promise<void>,
): ReadableStream<Uint8Array> {
  const copy = new TransformStream<Uint8Array, Uint8Array>();
  const writer = copy.writable.getWriter();
  writer.closed.catch(() => {});
  let isSettled = false;
  const stored = store(copy.readable)
    .catch(() => {})
    .then(() => {
      isSettled = true;
      copy.readable.cancel().catch(() => {});
    });
  // A store that has locked the copy and reads no further keeps a part from being written for ever.
  const orStored = (written: Promise<void>) => Promise.race([written.catch(() => {}), stored]);
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            await orStored(writer.close());
            await stored;
            controller.close();
            return;
          }
          if (!isSettled) await orStored(writer.write(value));
          controller.enqueue(value);
        } catch (error) {
          await orStored(writer.abort(error));
          await stored;
          throw error;
        }
      },
      async cancel(reason) {
        await orStored(writer.abort(reason));
        await reader.cancel(reason);
        await stored;
      },
    },
    { highWaterMark: 0 },
  );
}
