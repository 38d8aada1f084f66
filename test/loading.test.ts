import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamSource } from '../src/safetensors/byteSource.js';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { openSafetensors } from '../src/safetensors/safetensorsStream.js';
import type { LoadProgress } from '../src/swin/pretrained.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { CONFIG, fetchOf, INDEX, json, load, sharded, TENSORS, WEIGHTS, whole } from './support/servedFiles.js';

describe('loadPretrained', () => {
  it.each([
    ['https://host/models/tiny', 'https://host/models/tiny/config.json'],
    ['https://host/models/tiny/?token=a%2Fb#part', 'https://host/models/tiny/config.json?token=a%2Fb'],
    ['https://host?v=2', 'https://host/config.json?v=2'],
  ])('finds the files of %s', async (source, config) => {
    const { urls, fetch } = fetchOf(whole);
    expect((await load(source, { fetch })).tensors).toEqual(TENSORS);
    expect(urls).toContain(config);
    expect(urls).toContain(config.replace('config.json', 'preprocessor_config.json'));
    expect(urls).toContain(config.replace('config.json', 'model.safetensors'));
  });

  describe('in a host without files', () => {
    beforeEach(() => vi.stubGlobal('process', { ...process, getBuiltinModule: undefined }));
    afterEach(() => vi.unstubAllGlobals());

    it('resolves a relative URL against the page', async () => {
      vi.stubGlobal('location', { href: 'https://host/app/page.html?x#y' });
      const { urls, fetch } = fetchOf(whole);
      await load('../models/tiny', { fetch });
      expect(urls).toContain('https://host/models/tiny/config.json');
      vi.stubGlobal('document', { baseURI: 'https://other/base/' });
      await load('./tiny/', { fetch });
      expect(urls).toContain('https://other/base/tiny/config.json');
    });

    it('refuses a relative URL without a page', async () => {
      await expect(load('models/tiny', {})).rejects.toThrow(/"source" expected a whole URL, .*, got "models\/tiny"/);
    });
  });

  it('takes the index.html of a server for a file that is not there', async () => {
    const page = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html; charset=utf-8' } });
    for (const missing of [page, () => new Response('<html>'), () => new Response('\n  <!doctype html>')]) {
      const { preprocessor, tensors } = await load('https://host/', fetchOf(whole, missing));
      expect([preprocessor, tensors]).toEqual([undefined, TENSORS]);
    }
    expect((await load('https://host/', fetchOf(sharded, page))).tensors).toEqual(TENSORS);
    await expect(load('https://host/tiny', fetchOf({}, page))).rejects.toThrow(
      'https://host/tiny/config.json expected to be there, got a page of HTML with HTTP status 200',
    );
  });

  it('names the URL, the path and the status of what cannot be had', async () => {
    const failing = (status: number) => fetchOf({}, () => new Response('', { status }));
    await expect(load('https://host/m?t=1', failing(500))).rejects.toThrow(
      /https:\/\/host\/m\/\w+.json\?t=1 expected to be there, got HTTP status 500/,
    );
    await expect(load('https://host/m', failing(404))).rejects.toThrow(
      'https://host/m/config.json expected to be there, got HTTP status 404',
    );
    const only = fetchOf({ 'config.json': json(CONFIG) });
    await expect(load('https://host/m', only)).rejects.toThrow(
      /https:\/\/host\/m\/model.safetensors or .* got neither: HTTP status 404/,
    );
    const refused = async () => Promise.reject(new TypeError('fetch failed'));
    await expect(load('https://host/m', { fetch: refused })).rejects.toThrow(/https:\/\/host\/m\/.* got: fetch failed/);
    await expect(load('/no/such/model', {})).rejects.toThrow(/\/no\/such\/model\/config.json .* no such file/);
    const broken = fetchOf({ ...whole, 'model.safetensors': WEIGHTS.subarray(0, 1000) });
    await expect(load('https://host/m', broken)).rejects.toThrow(
      /^https:\/\/host\/m\/model.safetensors: safetensors file: expected 200006 bytes of data, got a file that ends/,
    );
    const longer = new Uint8Array([...WEIGHTS, 0]);
    await expect(load('https://host/m', fetchOf({ ...whole, 'model.safetensors': longer }))).rejects.toThrow(
      /got more/,
    );
  });

  it.each([
    'http:169.254.169.254?',
    '//evil/x',
    '..',
    '.',
    '%2e%2e',
    '../model',
    'a/b',
    'a\\b',
    'C:x',
    'x?y',
    'x#y',
    '',
    7,
  ])('never follows the shard name %j', async (name) => {
    const files = { 'config.json': json(CONFIG), [INDEX]: json({ weight_map: { a: name } }) };
    const { urls, fetch } = fetchOf(files);
    const got = `"weight_map["a"]" expected the name of a file beside it, got ${JSON.stringify(name)}`;
    await expect(load('https://host/m/tiny', { fetch })).rejects.toThrow(`https://host/m/tiny/${INDEX}: ${got}`);
    for (const url of urls) expect(url).toMatch(/^https:\/\/host\/m\/tiny\/[\w.]+$/);
  });

  it.each([
    [{ weight_map: ['a'] }, '"weight_map" expected an object from tensors to files, got ["a"]'],
    [{ weight_map: {} }, '"weight_map" expected a tensor or more, got {}'],
    [
      { weight_map: { b: 'b', 'x.y': { file: 'b' } } },
      '"weight_map["x.y"]" expected the name of a file beside it, got Object',
    ],
    [{}, '"weight_map" expected an object from tensors to files, got undefined'],
    [null, '"weight_map" expected an object from tensors to files, got undefined'],
  ])('says what of the index %j is wrong', async (index, expected) => {
    const files = { 'config.json': json(CONFIG), [INDEX]: json(index) };
    await expect(load('https://host/m', fetchOf(files))).rejects.toThrow(`https://host/m/${INDEX}: ${expected}`);
  });

  it('refuses a tensor in two shards', async () => {
    const twice = { ...sharded, 'two.safetensors': sharded['one.safetensors'] };
    await expect(load('https://host/', fetchOf(twice))).rejects.toThrow(/"a" expected in one shard/);
  });

  it('ends with the reason of a signal, before, while files come and while tensors do', async () => {
    const reason = new Error('enough');
    await expect(load('https://host/', { ...fetchOf(whole), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const hanging = new AbortController();
    const call = load('https://host/', { fetch: () => new Promise(() => {}), signal: hanging.signal });
    hanging.abort(reason);
    await expect(call).rejects.toBe(reason);
    const coming = new AbortController();
    const heard: LoadProgress[] = [];
    const onProgress = (progress: LoadProgress) => {
      heard.push(progress);
      coming.abort(reason);
    };
    await expect(load('https://host/', { ...fetchOf(sharded), signal: coming.signal, onProgress })).rejects.toBe(
      reason,
    );
    expect(heard).toHaveLength(1);
  });

  describe('from a server', () => {
    let server: Server;
    let base: string;
    let open = 0;
    beforeAll(async () => {
      server = createServer((request, response) => {
        const file = (sharded as Record<string, Uint8Array>)[request.url?.slice(1) ?? ''];
        if (!file) response.writeHead(404).end();
        else {
          open++;
          response.once('close', () => open--);
          response.writeHead(200, { 'content-encoding': 'gzip' });
          const zipped = gzipSync(file);
          if (request.url === '/one.safetensors' && request.headers['x-hang']) response.write(zipped.subarray(0, 200));
          else response.end(zipped);
        }
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    });
    afterAll(() => {
      server.close();
      server.closeAllConnections();
    });

    it('tells how much of all files has come, behind gzip too', async () => {
      const heard: LoadProgress[] = [];
      expect((await load(base, { onProgress: (progress) => heard.push(progress) })).tensors).toEqual(TENSORS);
      const total = sharded['one.safetensors'].length + sharded['two.safetensors'].length;
      expect(new Set(heard.map((progress) => progress.total))).toEqual(new Set([total]));
      expect(heard.at(-1)?.loaded).toBe(total);
      heard.reduce((before, { loaded }) => {
        expect(loaded).toBeGreaterThan(before);
        return loaded;
      }, 0);
    });

    it('ends the connections of what it gives up', async () => {
      const controller = new AbortController();
      const hang: typeof fetch = (url, init) => fetch(url, { ...init, headers: { 'x-hang': '1' } });
      const call = load(base, { fetch: hang, signal: controller.signal });
      await vi.waitFor(() => expect(open).toBeGreaterThan(0));
      controller.abort();
      await expect(call).rejects.toThrow(/abort/);
      await vi.waitFor(() => expect(open).toBe(0));
    });
  });
});

describe('a body that', () => {
  const files = { ...whole, 'preprocessor_config.json': json({}) };
  it.each(Object.keys(files))('breaks off is an error that names %s', async (file) => {
    const failing = () =>
      new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) }));
    const others = Object.fromEntries(Object.entries(files).filter(([name]) => name !== file));
    await expect(load('https://host/', fetchOf(others, failing))).rejects.toThrow(
      `https://host/${file} expected to be read to its end, got: terminated`,
    );
  });

  it('never ends is refused as JSON', async () => {
    const part = new Uint8Array(1024 * 1024).fill(32);
    const endless = () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(part) }));
    const { fetch } = fetchOf({ 'model.safetensors': WEIGHTS, 'preprocessor_config.json': json({}) }, endless);
    await expect(load('https://host/', { fetch })).rejects.toThrow('config.json: expected at most 67108864 bytes');
  });
});

describe('openSafetensors', () => {
  it.each(['parts of its own', 'bytes'])(
    'gives what readSafetensors does, however a stream of %s is cut',
    async (kind) => {
      const bytes = writeSafetensors({
        c: { data: Float64Array.of(1, 2), dims: [2] },
        a: { data: Uint8Array.of(1, 2, 3), dims: [3] },
        b: { data: Float32Array.of(3), dims: [] },
        d: { data: new Float32Array(), dims: [0] },
      });
      const expected = readSafetensors(bytes).tensors;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(40), { minLength: 1 }), async (lengths) => {
          const stream = cutStream(bytes, lengths, kind === 'bytes');
          const { tensors, fileLength } = await openSafetensors(streamSource(stream));
          const read: Record<string, Tensor> = Object.create(null);
          for await (const [name, tensor] of tensors()) read[name] = tensor;
          expect([read, fileLength]).toEqual([expected, bytes.length]);
        }),
        { numRuns: 100 },
      );
    },
  );

  it('reads a stream of bytes into one buffer, and cancels it', async () => {
    const rooms: number[] = [];
    let wasCancelled = false;
    const stream = new ReadableStream({
      type: 'bytes',
      pull({ byobRequest }) {
        const view = byobRequest?.view as Uint8Array;
        rooms.push(view.byteLength);
        byobRequest?.respond(Math.min(view.byteLength, 1000));
      },
      cancel() {
        wasCancelled = true;
      },
    });
    const source = streamSource(stream);
    expect(await source.fill(new Uint8Array(100_000))).toBe(100_000);
    await source.close();
    expect(rooms).toEqual(new Array(100).fill(65536));
    expect(wasCancelled).toBe(true);
  });
});

/** `bytes` in parts of one byte more than each of `lengths` in turn. */
function cutStream(bytes: Uint8Array, lengths: readonly number[], isOfBytes: boolean): ReadableStream<Uint8Array> {
  let [at, turn] = [0, 0];
  const pull = (controller: ReadableByteStreamController | ReadableStreamDefaultController<Uint8Array>) => {
    const end = at + (lengths[turn++ % lengths.length] as number) + 1;
    if (at >= bytes.length) {
      controller.close();
      if ('byobRequest' in controller) controller.byobRequest?.respond(0);
    } else controller.enqueue(bytes.slice(at, end));
    at = end;
  };
  return isOfBytes ? new ReadableStream({ type: 'bytes', pull }) : new ReadableStream({ pull });
}
