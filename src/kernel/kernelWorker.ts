/** The program of a worker thread; the build makes a text of it that `startWorker` hands to the host. */
import type { KernelFunction } from './kernelModule.js';
import {
  AWAITED,
  controlLength,
  ENDED,
  type Parts,
  READY,
  runNextPart,
  SLOT_LENGTH,
  STOPPING,
  stateOf,
  WAKE,
} from './parts.js';

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly modules: readonly WebAssembly.Module[];
  /** Names of the kernels, in the order of their numbers in slots. */
  readonly kernels: readonly string[];
  readonly memory: WebAssembly.Memory;
  /** Where `Parts.control` and `Parts.slots` lie. */
  readonly control: number;
  readonly slots: number;
  readonly threads: number;
  readonly queueLength: number;
  readonly places: number;
  readonly thread: number;
}

/** What a worker says: that it is ready, that a part is done, or why it ends before it was asked to. */
export type WorkerMessage = 'ready' | 'done' | { readonly failure: string };

interface Port {
  postMessage(message: WorkerMessage): void;
  /** Ends the worker; Deno's ports lack it, and `terminate` ends theirs. */
  close?(): void;
}

/** Looks at the counters before a worker goes to sleep: a job often follows the last within some microseconds. */
const LOOKS = 2000;

async function serve(port: Port, start: WorkerStart): Promise<void> {
  const { memory, threads, queueLength, places, thread } = start;
  const control = new Int32Array(memory.buffer, start.control, controlLength(threads, queueLength, places));
  try {
    const instances = await Promise.all(
      start.modules.map((module) => WebAssembly.instantiate(module, { env: { memory } })),
    );
    const exports: Record<string, unknown> = Object.assign({}, ...instances.map((instance) => instance.exports));
    const slots = new Int32Array(memory.buffer, start.slots, SLOT_LENGTH * places);
    const kernels = start.kernels.map((name) => exports[name] as KernelFunction);
    Atomics.store(control, stateOf(thread), READY);
    port.postMessage('ready');
    runParts(port, { control, threads, queueLength, slots, kernels, thread });
  } catch (error) {
    // A host may keep a rejection, and a web worker a trap, to itself.
    port.postMessage({ failure: String(error) });
  } finally {
    Atomics.store(control, stateOf(thread), ENDED);
    port.close?.();
  }
}

function runParts(port: Port, parts: Parts): void {
  const { control } = parts;
  while (Atomics.load(control, STOPPING) === 0) {
    // Read before the look at the queue: what is published after it wakes this thread, or keeps it from sleeping.
    const woken = Atomics.load(control, WAKE);
    let looks = LOOKS;
    while (!runNextPart(parts) && --looks > 0);
    if (looks > 0) {
      if (Atomics.load(control, AWAITED)) port.postMessage('done');
    } else if (Atomics.load(control, STOPPING) === 0) Atomics.wait(control, WAKE, woken);
  }
}

const host = globalThis as unknown as Port & { onmessage: (event: { data: WorkerStart }) => void };
const nodePort = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
if (nodePort) nodePort.once('message', (start: WorkerStart) => serve(nodePort, start));
else host.onmessage = ({ data }) => serve(host, data);
