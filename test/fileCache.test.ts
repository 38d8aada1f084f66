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

  it('is left alone where it fails', async () => {
    const broken = {
      match: async () => undefined,
      put: async () => Promise.reject(new Error('quota exceeded')),
      delete: async () => Promise.reject(new Error('quota exceeded')),
    } as unknown as Cache;
    expect((await load('https://host/', { ...fetchOf(whole), cache: broken })).tensors).toEqual(TENSORS);
  });
});
