import { type AbortSignalLike, throwIfAborted } from '../tensor/abortSignal.js';
import { type Job, writeRecord } from './job.js';
import type { KernelFunction } from './kernelModule.js';
import type { WorkerStart } from './kernelWorker.js';
import type { KernelMemory } from './memory.js';
import type { Turn } from './nextTask.js';
import {
  AWAITED,
  CLAIMED,
  controlLength,
  doneOf,
  ENDED,
  type Parts,
  PUBLISHED,
  queueEntry,
  READY,
  runNextPart,
  SLOT_LENGTH,
  STOPPING,
  stateOf,
  WAKE,
} from './parts.js';
import type { KernelName } from './schema.js';
import { type HostWorker, startWorker } from './startWorker.js';

/** Parts that wait for each worker beside the one that it does. */
const QUEUED = 2;
/** Places for each worker's parts: one it does, those that wait, and one that is done. */
const PLACES = 2 + QUEUED;
/** How long the caller's thread looks for the workers' last parts before it sleeps, milliseconds. */
const PATIENCE = 0.5;
/** How long a part may take before the worker that claimed it counts as lost, milliseconds: hosts need not say that one ended. */
const LOST = 60_000;
/** How long it waits for a message before it looks at the memory instead, milliseconds: a host may lose one. */
const LOOK_UP = 100;
/** How long workers have to end, milliseconds; the largest part takes far less. */
const TIME_TO_END = 10_000;
/** Between two looks at whether they ended, milliseconds. */
const END_POLL = 2;

/** What the threads of a pool run: modules, the kernels of them by number, and those kernels in the caller's thread. */
export interface PoolKernels {
  readonly modules: readonly WebAssembly.Module[];
  readonly names: readonly KernelName[];
  readonly functions: readonly KernelFunction[];
}

interface PoolWorker {
  readonly host: HostWorker;
  readonly thread: number;
  /** The host said that it ended. */
  hasEnded: boolean;
}

/**
 * Worker threads that share jobs with the thread that asks for them. They start with the first job and stay. Memory that
 * they share is safe to use again only when every one of them has said that it ended: a host's `terminate` returns before
 * the thread stops.
 */
export class WorkerPool {
  /** Places that a job's parts may have at once: one of the caller's thread, which stays in its cache, and the workers'. */
  readonly places: number;
  readonly #parts: Omit<Parts, 'kernels'>;
  readonly #control: number;
  readonly #slots: number;
  #workers: PoolWorker[] = [];
  #failure: Error | undefined;
  #isLost = false;
  #wake: (() => void) | undefined;

  /** `kernels`: what the workers that start next run. @throws RangeError where memory cannot grow so far. */
  constructor(
    private readonly memory: KernelMemory,
    readonly threads: number,
    private readonly kernels: () => PoolKernels,
  ) {
    this.places = placesOf(threads);
    const queueLength = 2 ** Math.ceil(Math.log2(QUEUED * threads));
    const length = controlLength(threads, queueLength, this.places);
    this.#control = memory.allocate(4 * length);
    this.#slots = memory.allocate(4 * SLOT_LENGTH * this.places);
    this.#parts = {
      control: memory.integers(this.#control, length),
      threads,
      queueLength,
      slots: memory.integers(this.#slots, SLOT_LENGTH * this.places),
      thread: 0,
    };
  }

  /** Starts the workers. @throws Error with the reason where one cannot be started. */
  async start(): Promise<void> {
    const { control, threads, queueLength } = this.#parts;
    const { modules, names } = this.kernels();
    this.#failure = undefined;
    control.fill(0);
    for (let thread = 1; thread < threads; thread++) {
      const start: WorkerStart = {
        modules,
        kernels: names,
        memory: this.memory.wasm,
        control: this.#control,
        slots: this.#slots,
        threads,
        queueLength,
        places: this.places,
        thread,
      };
      const fail = (reason: Error) => {
        // What ends a worker that was stopped is no failure.
        if (!this.#workers.includes(worker)) return;
        this.#failure ??= reason;
        this.#wake?.();
      };
      const host = startWorker(start, {
        onMessage: (message) => {
          if (typeof message === 'object') fail(new Error(`a worker thread failed: ${message.failure}`));
          this.#wake?.();
        },
        onEnd: (reason) => {
          worker.hasEnded = true;
          fail(reason);
        },
      });
      const worker: PoolWorker = { host, thread, hasEnded: false };
      this.#workers.push(worker);
    }
    const isReady = ({ thread }: PoolWorker) => Atomics.load(control, stateOf(thread)) === READY;
    const deadline = performance.now() + LOST;
    while (!this.#workers.every(isReady)) await this.#message(deadline);
    for (const { host } of this.#workers) host.keepAlive(false);
  }

  /**
   * Runs a job whose records lie at `records`, `recordBytes` apart. Rejects with the signal's reason, or with Error where
   * a worker ended meanwhile; the next job then gets new workers.
   */
  async run<K extends KernelName>(
    job: Job<K>,
    records: number,
    recordBytes: number,
    turn: Turn,
    signal: AbortSignalLike | undefined,
  ): Promise<void> {
    this.checkUsable();
    try {
      if (this.#failure) await this.stop();
      if (this.#workers.length === 0) await this.start();
      await this.#share(job, (place) => records + place * recordBytes, turn, signal);
    } catch (error) {
      await this.stop();
      throw error;
    }
    throwIfAborted(signal);
  }

  /** @throws Error where a worker did not say that it ended, so that it may still write to this memory. */
  checkUsable(): void {
    if (this.#isLost) {
      throw new Error('a worker thread of this WindowAttention did not end, and its memory cannot be used any more');
    }
  }

  /** Ends the workers and waits until each has said so. */
  async stop(): Promise<void> {
    const { control } = this.#parts;
    const workers = this.#workers;
    this.#workers = [];
    Atomics.store(control, STOPPING, 1);
    Atomics.add(control, WAKE, 1);
    Atomics.notify(control, WAKE);
    const isGone = ({ thread, hasEnded }: PoolWorker) => hasEnded || Atomics.load(control, stateOf(thread)) === ENDED;
    const deadline = performance.now() + TIME_TO_END;
    while (!workers.every(isGone)) {
      if (performance.now() > deadline) {
        this.#isLost = true;
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, END_POLL));
    }
    await Promise.all(workers.map(({ host }) => host.terminate()));
  }

  /** Runs a job's parts, or what was published of them where the signal is aborted meanwhile. */
  async #share<K extends KernelName>(
    job: Job<K>,
    recordOf: (place: number) => number,
    turn: Turn,
    signal: AbortSignalLike | undefined,
  ): Promise<void> {
    const { names, functions } = this.kernels();
    const parts: Parts = { ...this.#parts, kernels: functions };
    const { control } = parts;
    const kernel = names.indexOf(job.kernel);
    const run = functions[kernel] as KernelFunction;
    const published: { readonly part: number; readonly place: number }[] = [];
    const free = Array.from({ length: this.places - 1 }, (_, i) => i + 1);
    const isDone = ({ place }: { place: number }) => Atomics.load(control, doneOf(parts, place)) === 1;
    const enter = (part: number, place: number) => {
      writeRecord(this.memory, recordOf(place), job.kernel, job.enter(part, place));
    };
    let next = signal?.aborted ? job.parts : 0;
    let idle = 0;
    while (next < job.parts || published.length > 0) {
      const now = performance.now();
      if (turn.isOver(now)) {
        await turn.next();
        if (this.#failure) throw this.#failure;
        // What is published must end before the call's memory is used again.
        if (signal?.aborted) next = job.parts;
      }
      const done = published.findIndex(isDone);
      if (done >= 0) {
        const [{ part, place }] = published.splice(done, 1) as [(typeof published)[0]];
        if (!signal?.aborted) job.leave?.(part, place);
        free.push(place);
      } else if (next < job.parts && free.length > 0 && this.#queued() < QUEUED * (this.threads - 1)) {
        const part = next++;
        const place = free.pop() as number;
        enter(part, place);
        this.#publish(place, kernel, recordOf(place), job);
        published.push({ part, place });
      } else if (next < job.parts) {
        const part = next++;
        enter(part, 0);
        run(recordOf(0), job.scratch);
        job.leave?.(part, 0);
      } else if (!runNextPart(parts)) {
        idle ||= now;
        if (now - idle < PATIENCE) continue;
        Atomics.store(control, AWAITED, 1);
        if (!published.some(isDone)) await this.#message(idle + LOST);
        Atomics.store(control, AWAITED, 0);
        turn.restart();
        continue;
      }
      idle = 0;
    }
  }

  /** Parts that are published and that no thread has claimed. */
  #queued(): number {
    const { control } = this.#parts;
    return ((control[PUBLISHED] as number) - Atomics.load(control, CLAIMED)) | 0;
  }

  #publish(place: number, kernel: number, record: number, { scratch, scratchBytes }: Job): void {
    const { control, slots } = this.#parts;
    const count = control[PUBLISHED] as number;
    const at = place * SLOT_LENGTH;
    slots[at] = kernel;
    slots[at + 1] = record;
    slots[at + 2] = scratch;
    slots[at + 3] = scratchBytes;
    Atomics.store(control, doneOf(this.#parts, place), 0);
    Atomics.store(control, queueEntry(this.#parts, count), place);
    Atomics.store(control, PUBLISHED, (count + 1) | 0);
    Atomics.add(control, WAKE, 1);
    Atomics.notify(control, WAKE, 1);
  }

  /**
   * Waits for a worker's next message, or for so long that what it would say can be looked up; the host stays for it.
   * @throws Error where a worker ended, or where it is later than `deadline`.
   */
  async #message(deadline: number): Promise<void> {
    for (const { host } of this.#workers) host.keepAlive(true);
    if (!this.#failure) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, LOOK_UP);
      });
      clearTimeout(timer);
      if (performance.now() > deadline) {
        this.#failure ??= new Error(`a worker thread expected to answer within ${LOST / 1000} s, got nothing`);
      }
    }
    for (const { host } of this.#workers) host.keepAlive(false);
    if (this.#failure) throw this.#failure;
  }
}

/** Places of an engine of so many threads; one thread has one. */
export function placesOf(threads: number): number {
  return 1 + PLACES * (threads - 1);
}
