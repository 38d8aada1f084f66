// The service of examples/edge as a door of the fuzzer: its fetch handler, in this process.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { writeSafetensors } from '../build/safetensors/index.js';

/** What a request may be answered with, whatever it holds; 500 says that the service failed. */
const ANSWERS = [200, 400, 404, 405, 408, 413, 415, 422];
const root = fileURLToPath(new URL('../', import.meta.url));
/** Within the package, so that it finds the package by its own name. */
const BUNDLE = `${root}build/fuzz/service.mjs`;
const SERVICE = `
export { createIsolateBackend } from './isolate.ts';
export { createService } from './service.ts';`;

/** @typedef {{ method: string, path: string, type: string, length?: string, body?: Uint8Array, chunk: number, end: string }} Call */

/** @returns {Promise<{ seeds: readonly Call[], run: (input: any) => Promise<void> }>} */
export async function openService() {
  await build({
    stdin: { contents: SERVICE, resolveDir: `${root}examples/edge/src`, loader: 'ts' },
    bundle: true,
    external: ['flash-window-attention', 'flash-window-attention/*'],
    nodePaths: [`${root}node_modules`],
    platform: 'node',
    format: 'esm',
    outfile: BUNDLE,
    logLevel: 'error',
  });
  const { createIsolateBackend, createService } = await import(pathToFileURL(BUNDLE).href);
  const backend = await createIsolateBackend(`${root}models/swin-cifar10`);
  const service = createService(async () => backend, { model: 'swin-cifar10', runtime: 'fuzz' });
  return {
    seeds: seeds(),
    async run(call) {
      const request = requestOf(call);
      if (!request) return;
      const response = await service.fetch(request);
      const body = new Uint8Array(await response.arrayBuffer());
      if (!ANSWERS.includes(response.status)) throw new Error(`answers ${response.status}: ${text(body)}`);
      if (response.status === 200 || request.method === 'HEAD') return;
      if (response.headers.get('content-type') !== 'application/problem+json') throw new Error('describes no problem');
      const { status, detail } = JSON.parse(text(body));
      if (status !== response.status || typeof detail !== 'string') throw new Error(`describes another: ${text(body)}`);
      // What the library said of the body is judged as its error would be.
      if (status === 422) throw new RangeError(detail);
    },
  };
}

/** @returns {readonly Call[]} */
function seeds() {
  const tensor = (/** @type {number[]} */ dims) => ({
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
    dims,
    type: /** @type {const} */ ('float32'),
  });
  const [q, k, v] = [
    [1, 2, 4, 3],
    [1, 2, 4, 3],
    [1, 2, 4, 3],
  ].map(tensor);
  const attention = writeSafetensors(/** @type {any} */ ({ q, k, v, bias: tensor([2, 4, 4]) }));
  const directory = 'test/golden/images/files';
  const [file] = readdirSync(directory)
    .filter((name) => /\.png$/.test(name))
    .sort();
  const image = new Uint8Array(readFileSync(`${directory}/${file}`));
  const common = { method: 'POST', chunk: 100_000, end: 'close' };
  return [
    { ...common, path: '/classify?topK=3&square=true', type: 'image/png', body: image },
    { ...common, path: '/embed?width=2&height=3', type: 'application/octet-stream', body: new Uint8Array(18) },
    { ...common, path: '/attention?lse=true&scale=0.5', type: 'application/vnd.safetensors', body: attention },
    { ...common, path: '/healthz', type: '', method: 'GET' },
    { ...common, path: '/metrics', type: '', method: 'GET' },
    { ...common, path: '/openapi.json', type: '', method: 'GET' },
  ];
}

/** The request; undefined where HTTP itself has no such one. @param {any} call */
function requestOf(call) {
  const { method, path, type, length, body, chunk, end } = Object(call);
  try {
    const headers = new Headers();
    if (type !== undefined) headers.set('content-type', type);
    if (length !== undefined) headers.set('content-length', length);
    const url = `http://service${String(path).startsWith('/') ? '' : '/'}${path}`;
    if (!ArrayBuffer.isView(body)) return new Request(url, { method, headers });
    const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    const size = Math.max(1, Math.floor(Number(chunk)) || 1, bytes.length / 50);
    let at = 0;
    const stream = new ReadableStream({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.slice(at, at + size));
        else if (end === 'close') controller.close();
        else controller.error(new Error('the connection broke'));
        at += size;
      },
    });
    return new Request(url, /** @type {any} */ ({ method, headers, body: stream, duplex: 'half' }));
  } catch {
    return undefined;
  }
}

const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
