import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { childrenCalled, memoryOf, processorTime } from './processFigures.mjs';

const REQUESTS = 20;
const EMPTY = 'export default { fetch: async (request) => Response.json(await request.arrayBuffer()) };';

/** Rows of figures in workerd: the service with the embedded model, and with each of `models`, files by type, as its assets. */
export async function workerdFigures(directory, photograph, models) {
  const { Miniflare } = createRequire(join(directory, 'package.json'))('miniflare');
  const figures = (own, more) => measured(Miniflare, own, more, photograph);
  const empty = await figures([{ type: 'ESModule', path: 'empty.js', contents: EMPTY }], {});
  const row = async (model, own, more) => ({ runtime: 'workerd', model, ...(await figures(own, more)), empty });
  const rows = [await row('embedded', await bundled(directory, 'src/workers.ts'), {})];
  const modules = await bundled(directory, 'src/workersModel.ts');
  for (const [dtype, files] of Object.entries(models)) {
    const assets = {
      bindings: { MODEL: '/swin-tiny/', DTYPE: dtype },
      serviceBindings: {
        async ASSETS(request) {
          const bytes = files[basename(new URL(request.url).pathname)];
          return bytes === undefined ? new Response('', { status: 404 }) : new Response(bytes);
        },
      },
    };
    rows.push(await row(`Swin-T, ${dtype}`, modules, assets));
  }
  return rows;
}

async function bundled(directory, entry) {
  const { outputFiles } = await build({
    absWorkingDir: directory,
    entryPoints: [entry],
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

async function measured(Miniflare, modules, more, photograph) {
  const before = new Set(childrenCalled('workerd'));
  const start = performance.now();
  const miniflare = new Miniflare({
    compatibilityDate: '2026-01-01',
    compatibilityFlags: ['enable_request_signal'],
    modules,
    ...more,
  });
  try {
    await miniflare.ready;
    const answer = async () => {
      const response = await miniflare.dispatchFetch('http://localhost/classify?square=true&topK=1', {
        method: 'POST',
        body: photograph,
        headers: { 'content-type': 'image/png' },
      });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    };
    await answer();
    const coldMs = Math.round(performance.now() - start);
    const [pid] = childrenCalled('workerd').filter((own) => !before.has(own));
    const coldCpuMs = Math.round(processorTime(pid));
    for (let i = 0; i < REQUESTS; i++) await answer();
    const cpuMs = Math.round((processorTime(pid) - coldCpuMs) / REQUESTS);
    return { coldMs, coldCpuMs, cpuMs, ...memoryOf(pid) };
  } finally {
    await miniflare.dispose();
  }
}
