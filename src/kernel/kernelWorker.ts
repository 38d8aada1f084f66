/** The program of a worker thread; the build makes a text of it that `startWorker` hands to the host. */
import { AWAITED, type Parts, PUBLISHED, QUEUE, runNextPart, SLOT_LENGTH } from './parts.js';

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  /** Names of the kernels, in the order of their numbers in slots. */
  readonly kernels: readonly string[];
  readonly memory: WebAssembly.Memory;
  /** Where `Parts.control` and `Parts.slots` lie. */
  readonly control: number;
  readonly slots: number;
  readonly queueLength: number;
  readonly places: number;
  readonly thread: number;
}

interface Port {
  postMessage(message: string): void;
}

/** Looks at the counters before a worker goes to sleep: a job often follows the last within some microseconds. */
const LOOKS = 2000;

async function serve(port: Port, start: WorkerStart): Promise<never> {
  const { memory, queueLength, places } = start;
  const instance = await WebAssembly.instantiate(start.module, { env: { memory } });
  const exports = instance.exports as unknown as Record<string, Parts['kernels'][0]>;
  const parts: Parts = {
    control: new Int32Array(memory.buffer, start.control, QUEUE + queueLength + places),
    queueLength,
    slots: new Float64Array(memory.buffer, start.slots, SLOT_LENGTH * places),
    kernels: start.kernels.map((name) => exports[name] as Parts['kernels'][0]),
    thread: start.thread,
  };
  port.postMessage('ready');
  for (;;) {
    const published = Atomics.load(parts.control, PUBLISHED);
    let looks = LOOKS;
    while (!runNextPart(parts) && --looks > 0);
    if (looks === 0) Atomics.wait(parts.control, PUBLISHED, published);
    else if (Atomics.load(parts.control, AWAITED)) port.postMessage('done');
  }
}

const host = globalThis as unknown as Port & { onmessage: (event: { data: WorkerStart }) => void };
const nodePort = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
if (nodePort) nodePort.once('message', (start: WorkerStart) => serve(nodePort, start));
else host.onmessage = ({ data }) => serve(host, data);
