import { type Transferable, Worker } from 'node:worker_threads';
import { onAbort } from '../tensor/abortListeners.js';
import type { AbortSignalLike } from '../tensor/abortSignal.js';
import { message } from '../tensor/check.js';
import type { FromWorker, Operation, ToWorker, WorkerSettings } from './protocol.js';

interface Task {
  readonly request: ToWorker & { readonly id: number };
  readonly transfer: readonly Transferable[];
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

interface Thread {
  readonly worker: Worker;
  isReady: boolean;
  /** What it computes, aborted or not. */
  task: Task | undefined;
}

/** The threads of a pool and the calls that run or wait there, in their order. */
export class PoolWorkers {
  readonly #threads = new Set<Thread>();
  readonly #waiting: Task[] = [];
  readonly #unsettled = new Set<Promise<unknown>>();
  #labels: readonly string[] = [];
  #ids = 0;
  #disposal: Promise<void> | undefined;

  private constructor(
    private readonly count: number,
    private readonly settings: WorkerSettings,
  ) {}

  /** Resolves once all are ready. Rejects with what the first that fails throws. */
  static async start(count: number, settings: WorkerSettings): Promise<PoolWorkers> {
    const pool = new PoolWorkers(count, settings);
    try {
      // The first fills the cache, so that a server is asked once for each file.
      if (settings.cache !== undefined) await pool.#start();
      await Promise.all(Array.from({ length: count - pool.size }, () => pool.#start()));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  get labels(): readonly string[] {
    return this.#labels;
  }

  get size(): number {
    return this.#threads.size;
  }

  get pending(): number {
    return this.#unsettled.size;
  }

  /** Has a worker compute. Rejects with what it throws, with the signal's reason, with Error where the worker ends. */
  async run(
    operation: Operation,
    input: unknown,
    options: object,
    transfer: readonly Transferable[],
    signal: AbortSignalLike | undefined,
  ): Promise<unknown> {
    if (this.#disposal) throw new Error('this pool was disposed');
    if (signal?.aborted) throw signal.reason;
    const request = { id: this.#ids++, operation, input, options };
    let stopListening = () => {};
    const outcome = new Promise<unknown>((resolve, reject) => {
      const task: Task = { request, transfer, resolve, reject };
      stopListening = onAbort(signal, () => {
        reject(signal?.reason);
        this.#abort(task);
      });
      this.#waiting.push(task);
    });
    this.#unsettled.add(outcome);
    this.#replaceEnded();
    this.#next();
    try {
      return await outcome;
    } finally {
      this.#unsettled.delete(outcome);
      stopListening();
    }
  }

  dispose(): Promise<void> {
    this.#disposal ??= (async () => {
      await Promise.allSettled([...this.#unsettled]);
      await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
    })();
    return this.#disposal;
  }

  /** Settles with the worker's start. */
  #start(): Promise<void> {
    const worker = new Worker(new URL('./swinWorker.js', import.meta.url), { workerData: this.settings });
    const thread: Thread = { worker, isReady: false, task: undefined };
    this.#threads.add(thread);
    let reason: unknown;
    return new Promise((resolve, reject) => {
      worker.on('message', (answer: FromWorker) => {
        if ('labels' in answer) {
          this.#labels = answer.labels;
          thread.isReady = true;
          resolve();
        } else {
          const { task } = thread;
          thread.task = undefined;
          if ('error' in answer) task?.reject(answer.error);
          else task?.resolve(answer.value);
        }
        worker.unref();
        this.#next();
      });
      worker.on('error', (error) => {
        reason = error;
      });
      worker.on('exit', () => {
        this.#ended(thread, reason);
        reject(reason ?? new Error('a worker of the pool ended before it was ready'));
      });
    });
  }

  #ended(thread: Thread, reason: unknown): void {
    this.#threads.delete(thread);
    const message = `the worker that computed this has ended${reason === undefined ? '' : `: ${(reason as Error).message}`}`;
    thread.task?.reject(new Error(message, { cause: reason }));
    // One that cannot start is tried again by the next call only, so that a broken model does not start workers for ever.
    if (thread.isReady && (!this.#disposal || this.#waiting.length > 0)) this.#replaceEnded();
    if (this.#threads.size > 0) return;
    for (const task of this.#waiting.splice(0)) {
      task.reject(new Error('no worker of the pool could start', { cause: reason }));
    }
  }

  #replaceEnded(): void {
    while (this.#threads.size < this.count) this.#start().catch(() => {});
  }

  #abort(task: Task): void {
    const place = this.#waiting.indexOf(task);
    if (place >= 0) this.#waiting.splice(place, 1);
    for (const { worker, task: running } of this.#threads) {
      if (running === task) worker.postMessage({ abort: task.request.id } satisfies ToWorker);
    }
  }

  #next(): void {
    for (const thread of this.#threads) {
      while (thread.isReady && !thread.task) {
        const task = this.#waiting.shift();
        if (!task) return;
        this.#hand(task, thread);
      }
    }
  }

  #hand(task: Task, thread: Thread): void {
    try {
      thread.worker.postMessage(task.request, task.transfer);
    } catch (error) {
      // What no message can hold, such as a function.
      const got = (error as Error).message;
      task.reject(new TypeError(message('args', 'values that a message to a worker can hold', got), { cause: error }));
      return;
    }
    thread.task = task;
    thread.worker.ref();
  }
}
