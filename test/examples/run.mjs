// npm run test:examples -- [--only NAME] [--load SECONDS]: packs the package once, copies each example into an empty
// folder, installs its dependencies and the tarball there, and uses it.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, load: { type: 'string', default: '15' } },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'flash-window-attention-examples-'));

try {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', work];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }));
  const examples = readdirSync(join(here, 'checks'))
    .map((file) => file.replace('.mjs', ''))
    .filter((name) => name.includes(options.only));
  if (examples.length === 0) throw new Error(`no example is called ${options.only}`);
  for (const name of examples) {
    const start = performance.now();
    const { check } = await import(new URL(`checks/${name}.mjs`, import.meta.url).href);
    const directory = join(work, name);
    mkdirSync(directory);
    cpSync(join(root, 'examples', name), directory, {
      recursive: true,
      filter: (path) => !/\/(node_modules|dist|\.wrangler|\.next)(\/|$)/.test(path.slice(root.length)),
    });
    const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--loglevel=error'];
    execFileSync('npm', ['install', ...flags, join(work, filename)], { cwd: directory, stdio: 'inherit' });
    const installed = performance.now();
    const says = await check(directory, { loadSeconds: Number(options.load) });
    const [toInstall, toRun] = [installed - start, performance.now() - installed].map((ms) => (ms / 1000).toFixed(1));
    console.log(`${name}: ${says}; ${toInstall} s to install, ${toRun} s to run`);
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}
