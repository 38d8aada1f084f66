import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { staleBuild } from './support/freshBuild.js';

const SOURCES = [
  'assembly/deep/kernel.ts',
  'scripts/generateTiles.mjs',
  'scripts/attentionTiles.mjs',
  'scripts/linearTiles.mjs',
  'scripts/tileProduct.mjs',
  'src/kernel/schema.ts',
  'src/index.ts',
] as const;
const OUTPUTS = [
  'build/wasm/kernels.js',
  'build/wasm/modelKernels.js',
  'build/wasm/products.js',
  'build/index.js',
  'build/worker/kernelWorker.js',
  'build/bundle/flash-window-attention.js',
] as const;
let root = '';
const path = (file: string) => join(root, file);
const touch = (file: string, seconds: number) => utimesSync(path(file), seconds, seconds);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'fresh-build-'));
  for (const file of [...SOURCES, ...OUTPUTS]) {
    mkdirSync(join(path(file), '..'), { recursive: true });
    writeFileSync(path(file), '');
  }
});
afterAll(() => rmSync(root, { recursive: true }));

/** All of the sources first, all of the build then. */
function build() {
  SOURCES.forEach((file, i) => {
    touch(file, 1000 + i);
  });
  for (const file of OUTPUTS) touch(file, 1500);
}

it('finds nothing of a new build', () => {
  build();
  expect(staleBuild(root)).toBeUndefined();
});

it.each(SOURCES)('names %s and a file that it is newer than', (source) => {
  build();
  touch(source, 2000);
  const [name] = source.split('/').slice(-1);
  expect(staleBuild(root)).toMatch(new RegExp(`\\.js is older than .*${name}: "npm run build"`));
});

it.each(OUTPUTS)('names %s where it is old, or not there', (output) => {
  build();
  touch(output, 1000);
  const named = new RegExp(`${output.replaceAll('/', '.')} is older than`);
  expect(staleBuild(root)).toMatch(named);
  rmSync(path(output));
  expect(staleBuild(root)).toMatch(named);
  writeFileSync(path(output), '');
});
