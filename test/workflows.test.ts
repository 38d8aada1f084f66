import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly uses?: string; readonly needs?: string; readonly steps?: Step[] }>>;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const files = readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`);
const workflowOf = (file: string) => parse(read(file)) as Workflow;
const manifest = JSON.parse(read('package.json'));

/** Names of package.json's scripts that a shell script runs. */
const scriptsOf = (shell: string) =>
  [...shell.matchAll(/\bnpm (?:run ([\w:]+)|(test)\b)/g)].map(([, run, test]) => run ?? test);
const commandsOf = (file: string) =>
  Object.values(workflowOf(file).jobs)
    .flatMap(({ steps = [] }) => steps)
    .map(({ run = '' }) => run)
    .join('\n');

describe.each(files)('%s', (file) => {
  it('runs scripts that package.json has', () => {
    for (const script of scriptsOf(commandsOf(file))) expect(manifest.scripts).toHaveProperty([script as string]);
  });

  it('may read alone, but for the jobs that say more', () => {
    expect(workflowOf(file).permissions).toEqual({ contents: 'read' });
  });
});

it.each([...files, 'action.yml'])('%s takes actions by their commit, beside the version that it has', (file) => {
  for (const [, used] of read(file).matchAll(/\buses: (.*)/g))
    expect(used).toMatch(/^\.\/|^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

it('the workflow of every push runs .ci/run, which runs scripts that package.json has', () => {
  expect(commandsOf('.github/workflows/test.yml')).toMatch(/^bash \.ci\/run$/m);
  const scripts = scriptsOf(read('.ci/run'));
  expect(scripts).toEqual(expect.arrayContaining(scriptsOf(commandsOf('.github/workflows/test.yml')).slice(0, 3)));
  for (const script of scripts) expect(manifest.scripts).toHaveProperty([script as string]);
});

it('what every push meets is met on each system and version of Node, and before every release', () => {
  const { tests } = workflowOf('.github/workflows/test.yml').jobs as unknown as {
    tests: { strategy: { matrix: { os: string[]; node: number[]; exclude?: unknown } } };
  };
  const { os, node, exclude } = tests.strategy.matrix;
  expect([os.map((name) => name.split('-')[0]), exclude]).toEqual([['ubuntu', 'macos', 'windows'], undefined]);
  expect(manifest.engines.node).toBe('>=20.19');
  expect(node).toEqual([20, 22, 24]);
  const { test, publish } = workflowOf('.github/workflows/release.yml').jobs;
  expect([test?.uses, publish?.needs]).toEqual(['./.github/workflows/test.yml', 'test']);
});

it('dependabot looks at every folder that has a package.json', () => {
  const { updates } = parse(read('.github/dependabot.yml')) as { updates: { directories?: string[] }[] };
  const watched = updates.flatMap(({ directories = [] }) => directories);
  const inner = (folder: string) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(node_modules|build|dist|\..*)$/.test(entry.name))
      .map(({ name }) => `${folder}/${name}`);
  const outer = inner('');
  const folders = ['/', ...outer, ...outer.flatMap(inner)].filter((folder) =>
    existsSync(join(ROOT, folder, 'package.json')),
  );
  expect(folders.length).toBeGreaterThan(10);
  // A pattern that ends in /* means each folder there.
  for (const folder of folders) {
    const patterns = [folder, `${posix.dirname(folder)}/*`];
    expect(
      watched.filter((pattern) => patterns.includes(pattern)),
      folder,
    ).toHaveLength(1);
  }
});
