// npm run test:examples -- [--only NAME] [--load SECONDS]: packs the package once, copies each example into an empty
// folder, installs its dependencies and the tarball there, and uses it.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

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
  // Installing waits for the network, so that all of it happens at once; what runs is run alone.
  const start = performance.now();
  const directories = await Promise.all(examples.map((name) => install(name, join(work, filename))));
  console.log(`${examples.length} installed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  for (const [i, name] of examples.entries()) {
    const begun = performance.now();
    const { check } = await import(new URL(`checks/${name}.mjs`, import.meta.url).href);
    const says = await check(directories[i], { loadSeconds: Number(options.load) });
    console.log(`${name}: ${says}, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}

/** Copies an example into an empty folder and installs it there. */
async function install(name, tarball) {
  const directory = join(work, name);
  mkdirSync(directory);
  cpSync(join(root, 'examples', name), directory, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|\.wrangler|\.next)(\/|$)/.test(path.slice(root.length)),
  });
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--loglevel=error'];
  await promisify(execFile)('npm', ['install', ...flags, tarball], { cwd: directory });
  return directory;
}
