import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { memoryOf, processorTime } from './processFigures.mjs';
import { freePort } from './server.mjs';

const REQUESTS = 20;
/** Between two tries to connect, milliseconds. */
const RETRY = 5;
const LATEST = 60_000;

/** Rows of figures of one runtime: the service with the embedded model, and with a Swin-T of each type in its directory. */
export async function serverFigures(runtime, { empty, service }, cwd, photograph, directories) {
  const classify = { path: '/classify?square=true&topK=1', method: 'POST', body: photograph };
  const nothing = await measured(empty, { cwd }, { path: '/', method: 'GET' });
  const models = Object.entries(directories).map(([dtype, MODEL]) => [`Swin-T, ${dtype}`, { MODEL, DTYPE: dtype }]);
  const rows = [];
  for (const [model, env] of [['embedded', {}], ...models]) {
    const figures = await measured(service, { cwd, env: { WORKERS: '1', ...env } }, classify);
    rows.push({ runtime, model, ...figures, empty: nothing });
  }
  return rows;
}

async function measured(command, { cwd, env }, { path, method, body }) {
  const port = await freePort();
  const headers = { ...(body && { 'content-type': 'image/png' }) };
  const answer = async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${command.join(' ')}: ${response.status} ${text}`);
  };
  const start = performance.now();
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await untilConnected(answer, start + LATEST);
    const coldMs = Math.round(performance.now() - start);
    const coldCpuMs = Math.round(processorTime(child.pid));
    for (let i = 0; i < REQUESTS; i++) await answer();
    const cpuMs = Math.round((processorTime(child.pid) - coldCpuMs) / REQUESTS);
    return { coldMs, coldCpuMs, cpuMs, ...memoryOf(child.pid) };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function untilConnected(answer, deadline) {
  for (;;) {
    try {
      return await answer();
    } catch (error) {
      if (error.cause?.code !== 'ECONNREFUSED' || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}
