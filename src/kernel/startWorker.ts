import type { Worker as NodeWorker } from 'node:worker_threads';
import text from '#kernelWorker';
import { nodeBuiltin } from '../tensor/host.js';
import type { WorkerMessage, WorkerStart } from './kernelWorker.js';

/** A worker thread of this host. */
export interface HostWorker {
  /** Whether the host waits for this worker before it exits; browsers never do. */
  keepAlive(isNeeded: boolean): void;
  terminate(): Promise<void>;
}

/** What a worker reports, its own end included. */
export interface WorkerEvents {
  onMessage(message: WorkerMessage): void;
  onEnd(reason: Error): void;
}

/** Whether this host can share memory with workers. In a browser, only a page that is cross-origin isolated can. */
export function supportsWorkers(): boolean {
  if (typeof SharedArrayBuffer !== 'function') return false;
  if (nodeWorkers()) return true;
  return typeof Worker === 'function' && globalThis.crossOriginIsolated === true;
}

/** How many threads this host runs at once. */
export function hardwareThreads(): number {
  return globalThis.navigator?.hardwareConcurrency ?? nodeBuiltin('node:os')?.availableParallelism() ?? 1;
}

/** Starts a worker with `kernelWorker` in it. It comes as text, which needs no file that a bundler would have to find. */
export function startWorker(start: WorkerStart, events: WorkerEvents): HostWorker {
  const NodeWorkerClass = nodeWorkers()?.Worker;
  return NodeWorkerClass
    ? startNodeWorker(new NodeWorkerClass(text, { eval: true, execArgv: [] }), start, events)
    : startWebWorker(start, events);
}

function startNodeWorker(worker: NodeWorker, start: WorkerStart, events: WorkerEvents): HostWorker {
  worker.on('message', events.onMessage);
  worker.on('error', events.onEnd);
  worker.on('exit', (code) => events.onEnd(new Error(`a worker thread ended with exit code ${code}`)));
  worker.postMessage(start);
  return {
    keepAlive: (isNeeded) => (isNeeded ? worker.ref() : worker.unref()),
    async terminate() {
      await worker.terminate();
    },
  };
}

function startWebWorker(start: WorkerStart, { onMessage, onEnd }: WorkerEvents): HostWorker {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    onMessage(data);
  };
  worker.onerror = (event) => onEnd(new Error(`a worker failed: ${event.message || 'its script was refused'}`));
  worker.postMessage(start);
  return {
    keepAlive() {},
    async terminate() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

function nodeWorkers() {
  return nodeBuiltin('node:worker_threads');
}
