// npm run test:examples -- [--only NAME] [--load SECONDS] [--clients N] [--delay MS]: packs the package once, copies each
// example into an empty folder, installs its dependencies and the tarball there, and uses it; `edge` for so long, by so many
// clients, and with at most so much delay of the event loop at p99, which only a quiet machine can hold.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { install, pack } from './install.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    load: { type: 'string', default: '15' },
    clients: { type: 'string', default: '16' },
    delay: { type: 'string', default: 'Infinity' },
  },
});
const here = fileURLToPath(new URL('.', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'flash-window-attention-examples-'));

try {
  const tarball = pack(work);
  const examples = readdirSync(join(here, 'checks'))
    .map((file) => file.replace('.mjs', ''))
    .filter((name) => name.includes(options.only));
  if (examples.length === 0) throw new Error(`no example is called ${options.only}`);
  // Installing waits for the network, so that all of it happens at once; what runs is run alone.
  const start = performance.now();
  const directories = await Promise.all(examples.map((name) => install(name, work, tarball)));
  console.log(`${examples.length} installed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  for (const [i, name] of examples.entries()) {
    const begun = performance.now();
    const { check } = await import(new URL(`checks/${name}.mjs`, import.meta.url).href);
    const says = await check(directories[i], {
      loadSeconds: Number(options.load),
      clients: Number(options.clients),
      delay: Number(options.delay),
    });
    console.log(`${name}: ${says}, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}
