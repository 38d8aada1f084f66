import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeVectors } from '../../src/oracle/index.js';
import { windowAttention } from '../../src/reference/index.js';
import { writeSafetensors } from '../../src/safetensors/index.js';
import { type CodeBlock, ROOT } from './markdown.js';

/** What samples call: the packages are there, and what downloads does nothing. */
const SHELL = `
npm() { case "$1" in init|install) ;; *) command npm "$@" ;; esac; }
pip() { :; }
npx() { local name=$1; shift; node "./node_modules/.bin/$name" "$@"; }
python3() { "$SAMPLES_PYTHON" "$@"; }
`;
/** Only what hangs takes so long, however loaded the machine. */
export const LIMIT = 300_000;

/** A folder in which a page's samples run: the package as it is built, a photograph, a model, and the outputs of a kernel. */
export function makeSampleFolder(folder: string): void {
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules/flash-window-attention'));
  symlinkSync(join(ROOT, 'build/cli/main.js'), join(folder, 'node_modules/.bin/flash-window-attention'));
  symlinkSync(join(ROOT, 'node_modules/vitest'), join(folder, 'node_modules/vitest'));
  symlinkSync(join(ROOT, 'node_modules/vitest/vitest.mjs'), join(folder, 'node_modules/.bin/vitest'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of ['photos', 'others']) mkdirSync(join(folder, name));
  for (const name of ['photo.jpg', 'photos/cat.png', 'others/cat.png'])
    cpSync(join(ROOT, 'examples/images/chelsea.png'), join(folder, name));
  mkdirSync(join(folder, 'path/to'), { recursive: true });
  symlinkSync(join(ROOT, 'test/models/swin-cifar10'), join(folder, 'path/to/huggingface-swin'));
  cpSync(join(ROOT, 'test/docs/my_kernels.py'), join(folder, 'my_kernels.py'));
  const inputs = makeVectors({ shape: [2, 2, 49, 32] });
  const { o, lse } = windowAttention(inputs);
  const rounded = { data: Float32Array.from(o.data), dims: o.dims };
  const file = writeSafetensors({ ...inputs, o: rounded, lse: { data: Float32Array.from(lse.data), dims: lse.dims } });
  writeFileSync(join(folder, 'outputs.safetensors'), file);
}

/** What a command printed. @throws Error with all of it where the exit code is not 0. */
export function run(at: string, [program, ...args]: readonly [string, ...string[]], cwd: string): Promise<string> {
  const env = {
    ...process.env,
    NO_COLOR: '1',
    CI: '1',
    SAMPLES_PYTHON: PYTHON,
    PYTHONPATH: join(ROOT, 'python/src'),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTEST_ADDOPTS: '-p flash_window_attention.pytest_plugin -p no:cacheprovider',
  };
  // vitest in a sample would take itself for a worker of this one.
  for (const name of Object.keys(env).filter((key) => /^(VITEST|NODE_OPTIONS)/.test(key)))
    delete (env as NodeJS.ProcessEnv)[name];
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, timeout: LIMIT }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${at} ended with ${error.code ?? error.signal}:\n${stdout}${stderr}`));
      else resolve(stdout + stderr);
    });
  });
}

export const runShell = (at: string, text: string, cwd: string) =>
  run(at, ['bash', '-euo', 'pipefail', '-c', SHELL + text], cwd);

/** Debian's Python, which has its packages for NumPy and pytest; PYTHON names another. */
export const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';

/** Whether the samples in Python can run here. */
export const hasPython = () =>
  run('python', [PYTHON, '-c', 'import numpy, pytest'], ROOT).then(
    () => true,
    () => false,
  );

/** The lines of an `output` block that what was printed lacks: `…` stands for anything, and times are a machine's own. */
export function missingLines({ text }: CodeBlock, printed: string): string[] {
  let rest = printed.split('\n');
  return text.split('\n').filter((line) => {
    const parts = line.split(/…|\d+(?:\.\d+)? ms/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(parts.join('.*'));
    const found = rest.findIndex((own) => pattern.test(own));
    rest = rest.slice(found + 1);
    return found < 0;
  });
}
