import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const TIME_TO_START = 60_000;

/** A port that the system hands out. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/**
 * Starts `command` and, once `url` answers, calls `use`; ends the process and its children behind it. What it wrote is in
 * the error where it ends early.
 */
export async function withServer(command, { cwd, env, url }, use) {
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output = (output + text).slice(-10_000);
    });
  }
  try {
    await untilAnswered(url, child, () => output);
    return await use(child);
  } catch (error) {
    throw new Error(`${command.join(' ')}: ${error.message}\n${output}`, { cause: error });
  } finally {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      // Its group: some of these start the server as a child of their own.
      process.kill(-child.pid, 'SIGTERM');
      const late = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 5000);
      await ended;
      clearTimeout(late);
    }
  }
}

async function untilAnswered(url, child, output) {
  const deadline = performance.now() + TIME_TO_START;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output()}`);
    try {
      return await fetch(url);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
