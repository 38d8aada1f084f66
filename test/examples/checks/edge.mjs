import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, withServer } from '../server.mjs';
import { checkService } from '../serviceSuite.mjs';

const runtimes = fileURLToPath(new URL('../../runtimes/node_modules', import.meta.url));

const run = promisify(execFile);

/** The service in every runtime, then under load in Node. */
export async function check(directory, { loadSeconds, clients, delay }) {
  execFileSync('node', ['build.mjs'], { cwd: directory });
  const own = join(directory, 'node_modules/.bin');
  const deno = ['run', '--no-remote', '--allow-net', '--allow-read', '--allow-env', 'src/deno.ts'];
  const commands = {
    node: () => ['node', 'dist/node.mjs'],
    deno: () => [join(runtimes, '.bin/deno'), ...deno],
    bun: () => [join(runtimes, '@oven/bun-linux-x64/bin/bun'), 'src/bun.ts'],
    'wrangler dev': (port) => [join(own, 'wrangler'), 'dev', '--port', String(port), '--ip', '127.0.0.1'],
  };
  for (const [name, command] of Object.entries(commands)) {
    const start = performance.now();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = { PORT: String(port), WRANGLER_SEND_METRICS: 'false', CI: 'true' };
    // wrangler's own proxy loses answers of so many at once, or says 503.
    const use = () => checkService(url, { takesBursts: name !== 'wrangler dev' });
    await withServer(command(port), { cwd: directory, env, url: `${url}/healthz` }, use);
    console.log(`  ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const started = { cwd: directory, env: { PORT: String(port) }, url: `${url}/healthz` };
  const photograph = fileURLToPath(new URL('../../../examples/images/chelsea.png', import.meta.url));
  await withServer(commands.node(), started, async () => {
    const load = ['load.mjs', '--url', url, '--seconds', String(loadSeconds), '--image', photograph];
    const limits = ['--clients', String(clients), '--delay', String(delay)];
    // What it measured is of interest where it misses, above all.
    const { stdout } = await run(process.execPath, [...load, ...limits], { cwd: directory }).catch((error) => {
      console.log(error.stdout);
      throw error;
    });
    console.log(stdout.trimEnd());
  });
  return 'Node, Deno, Bun and workerd answer alike, and Node under load';
}
