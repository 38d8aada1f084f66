// node test/examples/workerd.mjs DIRECTORY: what the service takes in workerd, memory over an empty Worker, time from a
// cold start to the first answer and processor time a request: the embedded model, and a Swin-T of random weights in int8
// from assets in two shards. DIRECTORY: examples/edge, installed.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeSafetensors } from '../../build/safetensors/index.js';
import { quantizeStateDict } from '../../build/swin/quantizeStateDict.js';

const TICKS = 100;
const REQUESTS = 20;
const SWIN_T = {
  model_type: 'swin',
  image_size: 224,
  patch_size: 4,
  num_channels: 3,
  embed_dim: 96,
  depths: [2, 2, 6, 2],
  num_heads: [3, 6, 12, 24],
  window_size: 7,
  mlp_ratio: 4,
  layer_norm_eps: 1e-5,
  num_labels: 1000,
};
const directory = resolve(process.argv[2] ?? '');
const { Miniflare } = createRequire(resolve(directory, 'package.json'))('miniflare');
const photograph = readFileSync(new URL('../../examples/images/chelsea.png', import.meta.url));

const modules = await bundled();
const empty = await measured(
  [
    {
      type: 'ESModule',
      path: 'empty.js',
      contents: 'export default { fetch: async (request) => Response.json(await request.arrayBuffer()) };',
    },
  ],
  {},
);
const embedded = await measured(modules, {});
const swinT = await measured(modules, await swinTiny());
const over = ({ memory, ...rest }) => ({ ...rest, memoryMiB: memory, overEmptyMiB: memory - empty.memory });
console.log(JSON.stringify({ emptyMiB: empty.memory, embedded: over(embedded), swinT: over(swinT) }, undefined, 2));

async function bundled() {
  const { outputFiles } = await build({
    absWorkingDir: directory,
    entryPoints: ['src/workers.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy', '.safetensors': 'copy' },
    outdir: 'dist',
    write: false,
  });
  const typeOf = (path) => (path.endsWith('.js') ? 'ESModule' : path.endsWith('.wasm') ? 'CompiledWasm' : 'Data');
  return outputFiles
    .sort((a, b) => Number(b.path.endsWith('.js')) - Number(a.path.endsWith('.js')))
    .map(({ path, contents }) => ({ type: typeOf(path), path: basename(path), contents }));
}

/** Assets as the platform would have them: no file over 25 MiB. */
async function swinTiny() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../bench/randomSwin.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const { randomSwin } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  const quantized = quantizeStateDict(randomSwin(SWIN_T), SWIN_T);
  const names = Object.keys(quantized.tensors);
  const halves = [
    names.filter((name) => !name.includes('layers.3')),
    names.filter((name) => name.includes('layers.3')),
  ];
  const files = { 'config.json': JSON.stringify(quantized.config) };
  const index = { weight_map: {} };
  halves.forEach((half, i) => {
    const file = `model-${i + 1}.safetensors`;
    files[file] = writeSafetensors(Object.fromEntries(half.map((name) => [name, quantized.tensors[name]])));
    if (files[file].length > 25 * 2 ** 20) throw new Error(`${file}: ${files[file].length} bytes`);
    for (const name of half) index.weight_map[name] = file;
  });
  files['model.safetensors.index.json'] = JSON.stringify(index);
  return {
    bindings: { MODEL: '/swin-tiny/' },
    serviceBindings: {
      async ASSETS(request) {
        const bytes = files[basename(new URL(request.url).pathname)];
        return bytes === undefined ? new Response('', { status: 404 }) : new Response(bytes);
      },
    },
  };
}

async function measured(modules, more) {
  const before = new Set(children());
  const start = performance.now();
  const miniflare = new Miniflare({
    compatibilityDate: '2026-01-01',
    compatibilityFlags: ['enable_request_signal'],
    modules,
    ...more,
  });
  try {
    await miniflare.ready;
    const ready = performance.now();
    const answer = async () => {
      const response = await miniflare.dispatchFetch('http://localhost/classify?square=true&topK=1', {
        method: 'POST',
        body: photograph,
        headers: { 'content-type': 'image/png' },
      });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    };
    const { labels } = await answer();
    const cold = performance.now() - ready;
    const [pid] = children().filter((own) => !before.has(own));
    const cpu = processorTime(pid);
    for (let i = 0; i < REQUESTS; i++) await answer();
    const cpuMs = ((processorTime(pid) - cpu) * 1000) / TICKS / REQUESTS;
    return {
      label: labels?.[0].label,
      startMs: Math.round(ready - start),
      firstAnswerMs: Math.round(cold),
      cpuMsPerRequest: Math.round(cpuMs),
      memory: residentMemory(pid),
    };
  } finally {
    await miniflare.dispose();
  }
}

/** Processes called workerd that this one started, or that one of these did. */
function children() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return (
          text.includes('(workerd)') && Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === process.pid
        );
      } catch {
        return false;
      }
    });
}

function processorTime(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function residentMemory(pid) {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(kilobytes) / 1024);
}
