import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Packs the package into a folder. Returns the tarball's path. */
export function pack(folder) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
  return join(folder, filename);
}

/** Copies an example into an empty folder and installs it there with the tarball. Returns where it is. */
export async function install(name, folder, tarball) {
  const directory = join(folder, name);
  mkdirSync(directory);
  cpSync(join(root, 'examples', name), directory, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|\.wrangler|\.next)(\/|$)/.test(path.slice(root.length)),
  });
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--loglevel=error'];
  await promisify(execFile)('npm', ['install', ...flags, tarball], { cwd: directory });
  return directory;
}
