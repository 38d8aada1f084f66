// What the entries weigh in a bundle, minified and gzipped.
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Root entry with its kernels. */
const BUDGET = 25_000;

/** @throws Error where the root entry with its kernels is over budget, or brings in what only other entries need. */
export async function checkSize(project) {
  const root = await bundle(project, "export { createWindowAttention } from 'flash-window-attention'");
  // The TypeScript backend is loaded where WebAssembly is not.
  const loaded = root.filter(({ entry }) => !entry?.includes('typescriptBackend'));
  const [size, whole] = [loaded, root].map((files) => files.reduce((sum, { bytes }) => sum + bytes, 0));
  console.log(`root entry and its kernels: ${size} bytes gzipped; ${whole} with the TypeScript backend`);
  if (size > BUDGET) throw new Error(`the root entry expected at most ${BUDGET} bytes, got ${size}`);
  const strangers = root
    .flatMap(({ inputs }) => inputs)
    .filter((path) => /build\/(swin|oracle|safetensors|cli)\//.test(path));
  if (strangers.length > 0) throw new Error(`the root entry brings in ${strangers.join(', ')}`);
  const [unused] = await bundle(project, "import 'flash-window-attention'; import 'flash-window-attention/swin'");
  if (unused.bytes > 100)
    throw new Error(`imports that are not used expected to leave nothing, got ${unused.bytes} bytes`);
}

/** The files of a bundle, minified and gzipped, each with the inputs that it holds. */
async function bundle(project, code) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: project },
    absWorkingDir: project,
    outdir: join(project, 'size'),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  return outputFiles.map(({ path, contents }) => {
    const { inputs, entryPoint } = metafile.outputs[relative(project, path)];
    return { bytes: gzipSync(contents, { level: 9 }).length, inputs: Object.keys(inputs), entry: entryPoint };
  });
}
