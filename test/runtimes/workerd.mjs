// Cloudflare's runtime, locally by miniflare, bundled as wrangler does: modules of WebAssembly beside the script.
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { requestOf } from './request.mjs';

/** Its results. */
export async function workerd(project, golden, cycles) {
  const { outputFiles } = await build({
    entryPoints: [join(project, 'workerd.mjs')],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    outdir: join(project, 'workerd'),
    write: false,
  });
  const miniflare = new Miniflare({
    compatibilityDate: '2026-01-01',
    modules: outputFiles
      .sort((a, b) => Number(b.path.endsWith('.js')) - Number(a.path.endsWith('.js')))
      .map(({ path, contents }) => ({
        type: path.endsWith('.js') ? 'ESModule' : 'CompiledWasm',
        path: basename(path),
        contents,
      })),
  });
  try {
    const response = await miniflare.dispatchFetch('http://localhost/', requestOf(golden, cycles));
    if (!response.ok) throw new Error(await response.text());
    return await response.json();
  } finally {
    await miniflare.dispose();
  }
}
