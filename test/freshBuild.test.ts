import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { staleBuild } from './support/freshBuild.js';

const FILES = ['assembly/deep/kernel.ts', 'src/index.ts', 'build/wasm/kernels.js', 'build/index.js'] as const;
let root = '';
const path = (file: string) => join(root, file);
const touch = (file: string, seconds: number) => utimesSync(path(file), seconds, seconds);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'fresh-build-'));
  for (const file of FILES) {
    mkdirSync(join(path(file), '..'), { recursive: true });
    writeFileSync(path(file), '');
  }
});
afterAll(() => rmSync(root, { recursive: true }));

it('names the file that the build is older than, of each kind, and nothing of a new build', () => {
  FILES.forEach((file, i) => {
    touch(file, 1000 + i);
  });
  expect(staleBuild(root)).toBeUndefined();
  touch('assembly/deep/kernel.ts', 2000);
  expect(staleBuild(root)).toMatch(/kernels\.js is older than .*kernel\.ts: "npm run build"/);
  touch('build/wasm/kernels.js', 2001);
  touch('src/index.ts', 2002);
  expect(staleBuild(root)).toMatch(/index\.js is older than .*src.index\.ts/);
  rmSync(path('build/index.js'));
  expect(staleBuild(root)).toMatch(/index\.js is older than/);
});
