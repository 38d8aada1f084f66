import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CONFIG, fetchOf, json, load, sharded, TENSORS, WEIGHTS, whole } from './support/servedFiles.js';

describe('the cache of downloads', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cache-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** The Cache API in memory. */
  const memoryCache = () => {
    const kept = new Map<string, { status: number; headers: Headers; body: ArrayBuffer }>();
    return {
      kept,
      async match(url: string) {
        const found = kept.get(url);
        return found && new Response(found.status === 404 ? null : found.body, found);
      },
      async put(url: string, response: Response) {
        const { status, headers } = response;
        kept.set(url, { status, headers, body: await response.arrayBuffer() });
      },
      delete: async (url: string) => kept.delete(url),
    };
  };

  it.each(['directory', 'Cache'])('keeps files in a %s, and those that are not there', async (kind) => {
    const cache = (kind === 'Cache' ? memoryCache() : join(directory, 'made')) as unknown as string;
    for (const files of [whole, sharded]) {
      const { urls, fetch } = fetchOf(files);
      const source = `https://host/${Object.keys(files).length}`;
      expect((await load(source, { fetch, cache })).tensors).toEqual(TENSORS);
      const count = urls.length;
      const again = await load(source, { fetch, cache });
      expect([again.tensors, again.config, again.preprocessor]).toEqual([TENSORS, CONFIG, undefined]);
      expect(urls).toHaveLength(count);
      await load(`${source}?v=2`, { fetch, cache });
      expect(urls).toHaveLength(2 * count);
    }
  });

  it.each(['directory', 'Cache'])('keeps no part of a file in a %s', async (kind) => {
    const memory = memoryCache();
    const cache = (kind === 'Cache' ? memory : directory) as unknown as string;
    const failing = () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(WEIGHTS.slice(0, 1000));
          },
          pull(controller) {
            controller.error(new Error('connection lost'));
          },
        }),
      );
    const { fetch } = fetchOf({ 'config.json': json(CONFIG), 'preprocessor_config.json': json({}) }, failing);
    await expect(load('https://host/', { fetch, cache })).rejects.toThrow('connection lost');
    expect(kind === 'Cache' ? memory.kept.size : (await readdir(directory)).length).toBe(2);
    expect((await load('https://host/', { ...fetchOf(whole), cache })).tensors).toEqual(TENSORS);
  });

  describe.each(['directory', 'Cache'])('in a %s', (kind) => {
    const make = () => (kind === 'Cache' ? memoryCache() : directory) as unknown as string;
    const PREPROCESSOR = { do_resize: false };
    const better = { ...whole, 'preprocessor_config.json': json(PREPROCESSOR) };
    afterEach(() => vi.useRealTimers());

    it.each([
      ['HTTP status 403', () => new Response('', { status: 403 })],
      ['a page of HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
      ['HTML without its type', () => new Response('<html>')],
    ])('asks again for what was answered by %s', async (_, answer) => {
      const cache = make();
      expect((await load('https://host/', { ...fetchOf(whole, answer), cache })).preprocessor).toBeUndefined();
      expect((await load('https://host/', { ...fetchOf(better), cache })).preprocessor).toEqual(PREPROCESSOR);
    });

    it('asks again after a day for what was not there, and goes without where no server answers', async () => {
      const cache = make();
      await load('https://host/', { ...fetchOf(whole), cache });
      const { urls, fetch } = fetchOf(better);
      expect((await load('https://host/', { fetch, cache })).preprocessor).toBeUndefined();
      expect(urls).toEqual([]);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3600 * 1000 });
      const offline = () => Promise.reject(new TypeError('no network'));
      expect((await load('https://host/', { fetch: offline, cache })).preprocessor).toBeUndefined();
      expect((await load('https://host/', { fetch, cache })).preprocessor).toEqual(PREPROCESSOR);
      expect(urls).toEqual(['https://host/preprocessor_config.json']);
    });

    it.each([
      ['config.json', json(CONFIG).slice(0, -1)],
      ['config.json', new Uint8Array()],
      ['preprocessor_config.json', json(PREPROCESSOR).slice(0, -1)],
      ['model.safetensors', WEIGHTS.slice(0, -100)],
      ['model.safetensors', WEIGHTS.slice(0, 20)],
      ['model.safetensors', json({ error: 'rate limit' })],
    ])('keeps no %s that is cut or something else', async (file, bytes) => {
      const cache = make();
      await expect(load('https://host/', { ...fetchOf({ ...better, [file]: bytes }), cache })).rejects.toThrow(
        `https://host/${file}`,
      );
      expect((await load('https://host/', { ...fetchOf(better), cache })).tensors).toEqual(TENSORS);
    });
  });

  it('takes an empty file, as a machine that failed may leave one, for none', async () => {
    await load('https://host/', { ...fetchOf(whole), cache: directory });
    for (const name of await readdir(directory)) await writeFile(join(directory, name), '');
    expect((await load('https://host/', { ...fetchOf(whole), cache: directory })).tensors).toEqual(TENSORS);
  });

  describe('is left alone', () => {
    const nothing = { match: async () => undefined, put: async () => {}, delete: async () => true };
    const failing = async () => Promise.reject(new Error('storage is gone'));
    /** In parts, each of which a copy must have room for. */
    const inParts = (bytes: Uint8Array) => {
      let at = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, at + 10_000));
          at += 10_000;
        },
      });
    };
    const read = async (response: Response, parts: number) => {
      const reader = response.body?.getReader();
      for (let i = 0; i < parts; i++) await reader?.read();
    };

    it.each<[string, object]>([
      ['keeps nothing', {}],
      ['fails at once', { match: failing, put: failing, delete: failing }],
      [
        'throws',
        {
          match() {
            throw new Error('storage is gone');
          },
          put() {
            throw new Error('storage is gone');
          },
        },
      ],
      ['returns no promise', { put: () => undefined }],
      ['stops reading, and keeps its lock', { put: (_: string, response: Response) => read(response, 2) }],
      ['fails while it reads', { put: (_: string, response: Response) => read(response, 2).then(failing) }],
      ['stops reading and drops the rest', { put: (_: string, response: Response) => response.body?.cancel() }],
      ['finds what was read before', { match: async () => ({ status: 200, body: locked() }) }],
    ])('where it %s', async (_, methods) => {
      const cache = { ...nothing, ...methods } as unknown as Cache;
      const fetch = async (input: unknown) => {
        const bytes = (whole as Record<string, Uint8Array>)[String(input).slice('https://host/'.length)];
        return bytes ? new Response(inParts(bytes)) : new Response('', { status: 404 });
      };
      expect((await load('https://host/', { fetch: fetch as typeof globalThis.fetch, cache })).tensors).toEqual(
        TENSORS,
      );
    });

    describe('where there is no file system', () => {
      beforeEach(() => vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined));
      afterEach(() => {
        vi.restoreAllMocks();
        vi.unstubAllGlobals();
      });
      const loadNamed = () => load('https://host/', { ...fetchOf(whole), cache: 'models' });

      it('and the host opens none', async () => {
        vi.stubGlobal('caches', { open: failing });
        expect((await loadNamed()).tensors).toEqual(TENSORS);
      });

      it('but a name is refused where the host has no caches', async () => {
        expect(globalThis).not.toHaveProperty('caches');
        await expect(loadNamed()).rejects.toThrow(/^"cache" expected a Cache .*, got "models"$/);
        await expect(loadNamed()).rejects.toBeInstanceOf(TypeError);
      });
    });
  });
});

/** A stream that something else reads. */
function locked(): ReadableStream {
  const stream = new ReadableStream();
  stream.getReader();
  return stream;
}
