import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a script of the example's package.json writes, run as its user runs it. @throws Error with all that it wrote. */
export async function npm(directory, ...args) {
  const { stdout, stderr } = await run('npm', args, { cwd: directory, maxBuffer: 2 ** 26 });
  return { stdout, stderr };
}
