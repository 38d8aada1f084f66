import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

const PEERS = ['flash-window-attention', 'onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-backend-wasm'];

/** What a figure depends on: processor, runtime, versions. */
export function machine(): Record<string, string> {
  const versions = PEERS.map((name) => {
    const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    return [name, (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version];
  });
  return {
    processor: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    runtime: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
    ...Object.fromEntries(versions),
  };
}
