import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

const PEERS = ['onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-backend-wasm'];
/** What a figure depends on in this repository. */
const MEASURED = ['assembly', 'bench', 'scripts', 'src', 'package-lock.json', ':!bench/results'];

/** What a figure depends on: processor, runtime, the commit of this repository, versions of the peers; and when it was made. */
export function machine(): Record<string, string> {
  const versions = PEERS.map((name) => {
    const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    return [name, (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version];
  });
  return {
    processor: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    runtime: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    ...Object.fromEntries(versions),
  };
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: new URL('../../', import.meta.url), encoding: 'utf8' }).trim();
  try {
    const changes = git('status', '--porcelain', '--', ...MEASURED);
    return git('rev-parse', '--short', 'HEAD') + (changes ? ' and changes' : '');
  } catch {
    return 'unknown: not a git repository';
  }
}
