import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/markdown.js';

/** What the README says may be off by so much, so that not every change of the code changes it. */
const SHARE = 0.1;

/** Relaxed kernels, the TypeScript backend and codecs load where they are needed. */
const later: Plugin = {
  name: 'later',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined));
  },
};

/** An entry or some of its exports in a bundle, minified and gzipped, in units of 1,000 bytes. */
async function kilobytes(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    plugins: [later],
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length / 1000;
}

describe('sizes in the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(flash-window-attention|\/\w+)` \| .* \| ([\d.]+) \|$/gm)];

  it('are there', () => expect(rows.length).toBe(6));

  it.each(rows.map(([, entry = '', size = '']) => [entry, Number(size)] as const))(
    '%s takes %f KB',
    async (entry, size) => {
      const path = entry.startsWith('/') ? `flash-window-attention${entry}` : entry;
      const measured = await kilobytes(`export * from '${path}'`);
      expect(Math.abs(measured / size - 1), `${entry} takes ${measured} KB`).toBeLessThan(SHARE);
    },
  );
});
