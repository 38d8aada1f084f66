// Cloudflare's runtime, locally by miniflare, bundled as wrangler does: modules of WebAssembly beside the script.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

/** Results of the suite. */
export async function workerd(project, golden) {
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
    const files = golden.map((path) => readFileSync(path));
    const response = await miniflare.dispatchFetch('http://localhost/', {
      method: 'POST',
      headers: { 'x-lengths': files.map(({ length }) => length).join(',') },
      body: Buffer.concat(files),
    });
    if (!response.ok) throw new Error(await response.text());
    return await response.json();
  } finally {
    await miniflare.dispose();
  }
}
