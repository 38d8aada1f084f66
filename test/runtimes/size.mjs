// What the entries weigh in a bundle, minified and gzipped.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Root entry with the kernels that come with it. */
const BUDGET = 25_000;
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  .split('## Sizes')[1]
  .split('\n## ')[0];
/** How far the README's table may be from what is measured, kilobytes. */
const TOLERANCE = 0.1;

/**
 * @throws Error where the root entry with its kernels is over budget, or brings in what only other entries need; where
 * the README's table says otherwise.
 */
export async function checkSize(project) {
  const code = "export { createWindowAttention } from 'flash-window-attention'";
  const root = await bundle(project, code, true);
  const whole = await bundle(project, code, false);
  console.log(`root entry and its kernels: ${root.bytes} bytes gzipped; with all that it may import: ${whole.bytes}`);
  if (root.bytes > BUDGET) throw new Error(`the root entry expected at most ${BUDGET} bytes, got ${root.bytes}`);
  const strangers = whole.inputs.filter((path) => /build\/(swin|oracle|safetensors|image|cli)\/|[mM]odel/.test(path));
  if (strangers.length > 0) throw new Error(`the root entry brings in ${strangers.join(', ')}`);
  const unused = await bundle(project, "import 'flash-window-attention'; import 'flash-window-attention/swin'", false);
  if (unused.bytes > 100)
    throw new Error(`imports that are not used expected to leave nothing, got ${unused.bytes} bytes`);
  for (const [, entry, kilobytes] of readme.matchAll(/^\| `([\w/-]+)` \|.*\| ([\d.]+) \|$/gm)) {
    const path = entry.startsWith('/') ? `flash-window-attention${entry}` : entry;
    const { bytes } = await bundle(project, `export * from '${path}'`, true);
    console.log(`${path}: ${bytes} bytes gzipped`);
    if (Math.abs(bytes / 1000 - kilobytes) > TOLERANCE)
      throw new Error(`the README's table expected ${(bytes / 1000).toFixed(1)} KB for ${path}, got ${kilobytes}`);
  }
}

/**
 * One file, minified and gzipped, and the inputs that it holds; with or without what is imported where it is needed:
 * relaxed kernels, the TypeScript backend.
 */
async function bundle(project, code, leavesLater) {
  const later = {
    name: 'later',
    setup({ onResolve }) {
      onResolve({ filter: /./ }, ({ kind, path }) =>
        kind === 'dynamic-import' ? { path, external: true } : undefined,
      );
    },
  };
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: project },
    absWorkingDir: project,
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'error',
    plugins: leavesLater ? [later] : [],
  });
  return { bytes: gzipSync(outputFiles[0].contents, { level: 9 }).length, inputs: Object.keys(metafile.inputs) };
}
