import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the build makes, and what of. */
const PARTS = [
  {
    outputs: ['build/wasm/kernels.js', 'build/wasm/modelKernels.js', 'build/wasm/products.js'],
    sources: [
      'assembly',
      'src/kernel/schema.ts',
      'scripts/generateTiles.mjs',
      'scripts/attentionTiles.mjs',
      'scripts/linearTiles.mjs',
      'scripts/tileProduct.mjs',
      'scripts/generateRecords.mjs',
    ],
  },
  {
    outputs: ['build/index.js', 'build/worker/kernelWorker.js', 'build/bundle/flash-window-attention.js'],
    sources: ['src'],
  },
] as const;

/** The newest of a file, or of the files under a directory, and when it changed. */
function newest(path: string): { readonly path: string; readonly changed: number } {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status?.isDirectory()) return { path, changed: status?.mtimeMs ?? 0 };
  return readdirSync(path)
    .map((name) => newest(join(path, name)))
    .reduce((a, b) => (b.changed > a.changed ? b : a), { path, changed: 0 });
}

/** What of the build is older than what it is made of, as a sentence; undefined for nothing. */
export function staleBuild(root = '.'): string | undefined {
  for (const { outputs, sources } of PARTS) {
    for (const source of sources) {
      const { path, changed } = newest(join(root, source));
      for (const output of outputs) {
        const built = statSync(join(root, output), { throwIfNoEntry: false })?.mtimeMs ?? 0;
        if (changed > built) return `${join(root, output)} is older than ${path}: "npm run build" before the tests`;
      }
    }
  }
  return undefined;
}

/** The command line and the kernels are tested as built: says where the build is stale, and fails there on CI. */
export default function setup(): void {
  const stale = staleBuild();
  if (stale === undefined) return;
  if (process.env.CI) throw new Error(stale);
  console.warn(`\n${stale}\n`);
}
