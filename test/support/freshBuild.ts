import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The newest file under a directory, and when it changed. */
function newest(directory: string): { readonly path: string; readonly changed: number } {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .map((path) => ({ path, status: statSync(path) }))
    .filter(({ status }) => status.isFile())
    .map(({ path, status }) => ({ path, changed: status.mtimeMs }))
    .reduce((a, b) => (b.changed > a.changed ? b : a), { path: '', changed: 0 });
}

/** What of the build is older than what it is made of, as a sentence; undefined for nothing. */
export function staleBuild(root = '.'): string | undefined {
  const parts = [
    { sources: ['assembly'], output: 'build/wasm/kernels.js' },
    { sources: ['src'], output: 'build/index.js' },
  ];
  for (const { sources, output } of parts) {
    const built = statSync(join(root, output), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    for (const source of sources) {
      const { path, changed } = newest(join(root, source));
      if (changed > built) return `${join(root, output)} is older than ${path}: "npm run build" before the tests`;
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
