import type { Job } from './job.js';
import { instantiateKernel, type KernelArgs, type KernelExports, type KernelName } from './kernelExports.js';
import { KernelMemory } from './kernelMemory.js';
import type { KernelSource } from './kernelSource.js';
import { giveMemoryBack, takeMemory } from './memories.js';
import type { KernelSimd } from './simd.js';
import { hardwareThreads, supportsWorkers } from './startWorker.js';
import { WorkerPool } from './workerPool.js';

const ALIGNMENT = 64;

/** The kernels on a memory of their own, and the threads that run them. */
export class Kernel {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  private constructor(
    readonly exports: KernelExports,
    private readonly wasmMemory: WebAssembly.Memory,
    readonly memory: KernelMemory,
    readonly simd: KernelSimd,
    private readonly pool: WorkerPool | undefined,
  ) {}

  /**
   * Instantiates the kernels. Threads beyond the caller's own are started where the host lets them share memory; else
   * there is one.
   * @throws TypeError for a `source` that is no kernel of this library.
   */
  static async create(simd: KernelSimd, source: KernelSource, threads: number): Promise<Kernel> {
    const wanted = threads === 0 ? hardwareThreads() : threads;
    if (wanted > 1 && supportsWorkers()) {
      const kernel = await Kernel.#createShared(simd, source, wanted);
      if (kernel) return kernel;
    }
    const memory = takeMemory(false) as WebAssembly.Memory;
    const exports = await instantiateKernel(await source.module(false), memory);
    return new Kernel(exports, memory, new KernelMemory(memory, exports.heapBase()), simd, undefined);
  }

  /** Undefined where the host, its page's security policy or the given module keeps memory from being shared. */
  static async #createShared(simd: KernelSimd, source: KernelSource, threads: number): Promise<Kernel | undefined> {
    const module = await source.module(true);
    const shared = takeMemory(true);
    if (!shared) return undefined;
    let exports: KernelExports;
    try {
      exports = await instantiateKernel(module, shared);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) return undefined;
      throw error;
    }
    const memory = new KernelMemory(shared, exports.heapBase());
    const pool = new WorkerPool(module, shared, memory, exports, threads);
    try {
      await pool.start();
    } catch {
      await pool.stop();
      return undefined;
    }
    return new Kernel(exports, shared, memory, simd, pool);
  }

  get threads(): number {
    return this.pool?.threads ?? 1;
  }

  /** How many of so many parts may be in work at once. */
  placesFor(parts: number): number {
    return this.pool && parts > 1 ? this.pool.places : 1;
  }

  /** Runs `call` when the calls before it are over: they share the working memory. At once where there are none. */
  exclusive<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#pending++ === 0 ? call() : this.#last.then(call);
    const end = () => {
      this.#pending--;
    };
    this.#last = result.then(end, end);
    return result;
  }

  /**
   * Runs the job that `prepare` makes when the calls before it are over; its working memory is free again afterwards.
   * Rejects with what ended a worker, or RangeError for more memory than wasm32 has.
   */
  async run<K extends KernelName>(prepare: () => Job<K>): Promise<void> {
    if (this.#pending > 0) return this.exclusive(() => this.runWithin(prepare));
    const result = this.runWithin(prepare);
    // What this thread did at once needs no turn.
    return this.pool?.isBusy ? this.exclusive(() => result) : result;
  }

  /** As `run`, for calls within `exclusive`. */
  async runWithin<K extends KernelName>(prepare: () => Job<K>): Promise<void> {
    const mark = this.memory.mark();
    try {
      const job = prepare();
      if (this.pool && job.parts > 1) await this.pool.run(job);
      else this.#runHere(job);
    } finally {
      this.memory.release(mark);
    }
  }

  /** Bytes of scratch for every thread, and those of one, from what a kernel needs. */
  scratch(bytes: number): { readonly scratch: number; readonly scratchBytes: number } {
    const scratchBytes = Math.ceil((bytes + ALIGNMENT) / ALIGNMENT) * ALIGNMENT;
    return { scratch: this.threads * scratchBytes, scratchBytes };
  }

  /** Waits for the calls that are pending, then ends the workers. */
  async dispose(): Promise<void> {
    await this.#last;
    await this.pool?.stop();
    if (!this.memory.hasTensors) giveMemoryBack(this.wasmMemory, this.pool !== undefined);
  }

  #runHere<K extends KernelName>(job: Job<K>): void {
    const kernel = this.exports[job.kernel] as (...args: number[]) => void;
    for (let part = 0; part < job.parts; part++) {
      const args: KernelArgs<K> = job.enter(part, 0);
      kernel(...args, job.scratch);
      job.leave(part, 0);
    }
  }
}
