// Next's edge runtime: a route that `next build` bundles on this Node, served by `next start` of others.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requestOf } from './request.mjs';

const ROUTE = `export const runtime = 'edge';
export { answer as POST } from '../../../../request.mjs';
`;
// Beside the package and Next, whose modules lie elsewhere.
const CONFIG = "export default { turbopack: { root: '/' } };";
const ENVIRONMENT = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
/** Milliseconds. */
const TIME_TO_START = 60_000;

export class NextEdge {
  #isBuilt = false;

  constructor(project, modules, golden, cycles) {
    Object.assign(this, { project, modules, golden, cycles });
  }

  /** Results of the route in a runtime of Node. */
  async run(node) {
    if (!this.#isBuilt) this.#build();
    this.#isBuilt = true;
    const port = await freePort();
    const server = spawn(node, [this.#cli, 'start', '--port', String(port), this.#directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: ENVIRONMENT,
    });
    try {
      const url = `http://127.0.0.1:${port}/api/answer`;
      await untilAnswered(url);
      const response = await fetch(url, requestOf(this.golden, this.cycles));
      if (!response.ok) throw new Error(`Next answered ${response.status}: ${await response.text()}`);
      return await response.json();
    } finally {
      server.kill();
    }
  }

  get #cli() {
    return join(this.modules, 'next/dist/bin/next');
  }

  get #directory() {
    return join(this.project, 'next');
  }

  #build() {
    mkdirSync(join(this.#directory, 'app/api/answer'), { recursive: true });
    for (const name of ['next', 'react', 'react-dom']) {
      symlinkSync(join(this.modules, name), join(this.project, 'node_modules', name));
    }
    writeFileSync(join(this.#directory, 'app/api/answer/route.js'), ROUTE);
    writeFileSync(join(this.#directory, 'next.config.mjs'), CONFIG);
    writeFileSync(join(this.#directory, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    execFileSync(process.execPath, [this.#cli, 'build', this.#directory], {
      stdio: 'inherit',
      env: ENVIRONMENT,
    });
  }
}

async function untilAnswered(url) {
  const deadline = Date.now() + TIME_TO_START;
  for (;;) {
    try {
      return await fetch(url);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** One that the system hands out. */
async function freePort() {
  const server = createServer();
  await promisify(server.listen.bind(server, 0, '127.0.0.1'))();
  const { port } = server.address();
  server.close();
  return port;
}
