import type { Job } from './job.js';
import { KERNELS, type KernelExports, type KernelName } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import type { WorkerStart } from './kernelWorker.js';
import { nextTask } from './nextTask.js';
import { AWAITED, CLAIMED, type Parts, PUBLISHED, QUEUE, runNextPart, SLOT_ARGS, SLOT_LENGTH } from './parts.js';
import { type HostWorker, startWorker } from './startWorker.js';

/** Parts that wait for each worker beside the one that it does. */
const QUEUED = 2;
/** Places for each worker's parts: one it does, those that wait, and one that is done. */
const PLACES = 2 + QUEUED;
/** How long the caller's thread looks for the workers' last parts before it sleeps, milliseconds. */
const PATIENCE = 0.5;
/** How long it computes before the host's other tasks get a turn, milliseconds. */
const TURN = 10;

/** Worker threads that share jobs with the thread that asks for them; started once and used again. */
export class WorkerPool {
  /** Places that a job's parts may have at once: one of the caller's thread, which stays in its cache, and the workers'. */
  readonly places: number;
  readonly #workers: HostWorker[] = [];
  readonly #parts: Parts;
  readonly #start: Omit<WorkerStart, 'thread'>;
  #failure: Error | undefined;
  #isBusy = false;
  #wake: (() => void) | undefined;

  constructor(
    module: WebAssembly.Module,
    shared: WebAssembly.Memory,
    memory: KernelMemory,
    exports: KernelExports,
    readonly threads: number,
  ) {
    this.places = 1 + PLACES * (threads - 1);
    const { places } = this;
    const queueLength = 2 ** Math.ceil(Math.log2(QUEUED * threads));
    const controlLength = QUEUE + queueLength + places;
    const control = memory.reserve(4 * controlLength);
    const slots = memory.reserve(8 * SLOT_LENGTH * places);
    this.#start = { module, kernels: KERNELS, memory: shared, control, slots, queueLength, places };
    this.#parts = {
      control: memory.integers(control, controlLength),
      queueLength,
      slots: memory.doubles(slots, SLOT_LENGTH * places),
      kernels: KERNELS.map((name) => exports[name] as (...args: number[]) => void),
      thread: 0,
    };
    this.#parts.control.fill(0);
  }

  /** Starts the workers. @throws Error with the reason where one cannot be started. */
  async start(): Promise<void> {
    const { control } = this.#parts;
    this.#failure = undefined;
    control[CLAIMED] = control[PUBLISHED] as number;
    let ready = 0;
    for (let thread = 1; thread < this.threads; thread++) {
      const worker = startWorker(
        { ...this.#start, thread },
        {
          onMessage: (message) => {
            if (message === 'ready') ready++;
            this.#wake?.();
          },
          onEnd: (reason) => {
            // What ends a worker that was stopped is no failure.
            if (!this.#workers.includes(worker)) return;
            this.#failure ??= reason;
            this.#wake?.();
          },
        },
      );
      this.#workers.push(worker);
    }
    while (ready < this.threads - 1) await this.#message();
    for (const worker of this.#workers) worker.keepAlive(false);
  }

  /** Runs a job. @throws Error with the reason where a worker ended meanwhile; the next job gets new workers. */
  async run<K extends KernelName>(job: Job<K>): Promise<void> {
    this.#isBusy = true;
    try {
      if (this.#failure) await this.stop();
      if (this.#workers.length === 0) await this.start();
      await this.#share(job);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Whether a job is being run. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Ends the workers. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
  }

  async #share<K extends KernelName>(job: Job<K>): Promise<void> {
    const { control, kernels } = this.#parts;
    const kernel = KERNELS.indexOf(job.kernel);
    const run = kernels[kernel] as (...args: number[]) => void;
    const published: { readonly part: number; readonly place: number }[] = [];
    const free = Array.from({ length: this.places - 1 }, (_, i) => i + 1);
    const isDone = ({ place }: { place: number }) => Atomics.load(control, this.#doneOf(place)) === 1;
    let next = 0;
    let turn = performance.now();
    let idle = 0;
    while (next < job.parts || published.length > 0) {
      const now = performance.now();
      if (now - turn > TURN) {
        await nextTask();
        if (this.#failure) throw this.#failure;
        turn = performance.now();
      }
      const done = published.findIndex(isDone);
      if (done >= 0) {
        const [{ part, place }] = published.splice(done, 1) as [(typeof published)[0]];
        job.leave(part, place);
        free.push(place);
      } else if (next < job.parts && free.length > 0 && this.#queued() < QUEUED * (this.threads - 1)) {
        const part = next++;
        const place = free.pop() as number;
        this.#publish(place, kernel, job, job.enter(part, place));
        published.push({ part, place });
      } else if (next < job.parts) {
        const part = next++;
        run(...job.enter(part, 0), job.scratch);
        job.leave(part, 0);
      } else if (!runNextPart(this.#parts)) {
        idle ||= now;
        if (now - idle < PATIENCE) continue;
        Atomics.store(control, AWAITED, 1);
        if (!published.some(isDone)) await this.#message();
        Atomics.store(control, AWAITED, 0);
        turn = performance.now();
      }
      idle = 0;
    }
  }

  /** Parts that are published and that no thread has claimed. */
  #queued(): number {
    const { control } = this.#parts;
    return ((control[PUBLISHED] as number) - Atomics.load(control, CLAIMED)) | 0;
  }

  #publish<K extends KernelName>(place: number, kernel: number, job: Job<K>, args: readonly number[]): void {
    const { control, queueLength, slots } = this.#parts;
    const count = control[PUBLISHED] as number;
    slots.set([kernel, args.length, job.scratch, job.scratchBytes], place * SLOT_LENGTH);
    slots.set(args, place * SLOT_LENGTH + SLOT_ARGS);
    Atomics.store(control, this.#doneOf(place), 0);
    Atomics.store(control, QUEUE + (count & (queueLength - 1)), place);
    Atomics.store(control, PUBLISHED, (count + 1) | 0);
    Atomics.notify(control, PUBLISHED, 1);
  }

  #doneOf(place: number): number {
    return QUEUE + this.#parts.queueLength + place;
  }

  /** Waits for a worker's next message; the host stays for it. @throws Error where a worker ended. */
  async #message(): Promise<void> {
    for (const worker of this.#workers) worker.keepAlive(true);
    if (!this.#failure) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    for (const worker of this.#workers) worker.keepAlive(false);
    if (this.#failure) throw this.#failure;
  }
}
