import { type AbortSignalLike, throwIfAborted } from '../tensor/abortSignal.js';
import { CallQueue } from './callQueue.js';
import { type Job, writeRecord } from './job.js';
import { instantiateModule, type KernelFunction, type ModuleExports } from './kernelModule.js';
import type { KernelSource } from './kernelSource.js';
import { KernelTensor } from './kernelTensor.js';
import { KernelMemory, type Layout } from './memory.js';
import { Turn } from './nextTask.js';
import { type KernelName, MODULES, type ModuleName, RECORD_BYTES, SLACK } from './schema.js';
import type { KernelSimd } from './simd.js';
import { hardwareThreads, supportsWorkers } from './startWorker.js';
import { placesOf, WorkerPool } from './workerPool.js';

/** Most threads of an engine: more than any machine gains from, less than what makes a host fall over. */
export const MAX_THREADS = 256;

/** Bytes from one place's record to the next. */
const RECORD_STRIDE = Math.ceil(RECORD_BYTES / 64) * 64;

/**
 * What one engine owns: a memory, what is allocated in it, the threads that compute there, and the queue of calls that
 * use them. Attention and models are its clients. No other engine ever gets its memory.
 */
export class KernelCore {
  readonly #queue: CallQueue;
  readonly #functions = new Map<KernelName, KernelFunction>();
  readonly #modules: WebAssembly.Module[] = [];
  readonly #records: number;
  #model: Promise<ModuleExports<'model'>> | undefined;
  #memory: KernelMemory | undefined;
  #pool: WorkerPool | undefined;

  private constructor(
    memory: KernelMemory,
    readonly exports: ModuleExports<'attention'>,
    module: WebAssembly.Module,
    readonly threads: number,
  ) {
    this.#memory = memory;
    this.#queue = new CallQueue('WindowAttention');
    this.#add('attention', module, exports);
    this.#records = memory.allocate(RECORD_STRIDE * placesOf(threads));
    if (threads > 1) {
      this.#pool = new WorkerPool(memory, threads, () => ({
        modules: this.#modules,
        names: [...this.#functions.keys()],
        functions: [...this.#functions.values()],
      }));
    }
  }

  /**
   * Instantiates the kernels of `source` on a memory of their own. Threads beyond the caller's are started where the
   * host lets them share memory; else there is one. `threads`: 0 for one a core.
   * @throws TypeError for a source that is no kernel of this version; RangeError where the host has no memory to give;
   * WebAssembly.CompileError where it may not compile.
   */
  static async create(source: KernelSource, threads: number): Promise<KernelCore> {
    const wanted = threads === 0 ? Math.min(hardwareThreads(), MAX_THREADS) : threads;
    if (wanted > 1 && supportsWorkers()) {
      const core = await KernelCore.#createShared(source, wanted);
      if (core) return core;
    }
    const wasm = KernelMemory.create(false);
    const module = await source.module(false);
    const exports = await instantiateModule('attention', module, wasm);
    return new KernelCore(new KernelMemory(wasm, exports.heapBase()), exports, module, 1);
  }

  /** Undefined where the host, its page's security policy or the given module keeps memory from being shared. */
  static async #createShared(source: KernelSource, threads: number): Promise<KernelCore | undefined> {
    const module = await source.module(true);
    let wasm: WebAssembly.Memory;
    try {
      wasm = KernelMemory.create(true);
    } catch {
      return undefined;
    }
    let exports: ModuleExports<'attention'>;
    try {
      exports = await instantiateModule('attention', module, wasm);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) return undefined;
      throw error;
    }
    const core = new KernelCore(new KernelMemory(wasm, exports.heapBase()), exports, module, threads);
    try {
      await core.#pool?.start();
      return core;
    } catch {
      await core.dispose();
      return undefined;
    }
  }

  /** What the kernels were built for. */
  get simd(): KernelSimd {
    return this.exports.isRelaxed() ? 'relaxed-simd' : 'simd';
  }

  /** @throws Error once the engine is closed. */
  get memory(): KernelMemory {
    if (!this.#memory) throw new Error('this WindowAttention was disposed');
    return this.#memory;
  }

  /** False once the engine is closed. */
  get hasMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** @throws Error once the engine is closing. */
  checkOpen(): void {
    this.#queue.checkOpen();
  }

  /** The kernels that models need beside attention, instantiated once. Rejects as `create` does. */
  model(source: KernelSource): Promise<ModuleExports<'model'>> {
    this.#model ??= this.#instantiateModel(source).catch((error) => {
      this.#model = undefined;
      throw error;
    });
    return this.#model;
  }

  /**
   * A call: what `body` computes while no other call does. Arrays that it makes by `work` are free again afterwards. It
   * runs at once where no call is pending. Rejects with what `body` throws, with Error once the engine is closing, with
   * the signal's reason once that is aborted.
   */
  call<T>(body: (call: KernelCall) => T | Promise<T>, signal?: AbortSignalLike | undefined): Promise<T> {
    return this.#queue.run(() => {
      const call = new KernelCall(this, signal);
      let isPending = false;
      try {
        const result = body(call);
        if (!(result instanceof Promise)) return result;
        isPending = true;
        return result.finally(() => call.end());
      } finally {
        if (!isPending) call.end();
      }
    }, signal);
  }

  /** A tensor of zeros in this memory. @throws RangeError where memory cannot grow so far; Error once closing. */
  tensor(dims: readonly number[]): KernelTensor {
    this.checkOpen();
    return new KernelTensor(this, dims);
  }

  /** Frees an allocation once no call runs that may use it; nothing where the engine is closed. */
  release(pointer: number): void {
    this.#queue.afterCall(() => this.#memory?.free(pointer));
  }

  /** How many of so many parts may be in work at once. */
  placesFor(parts: number): number {
    return this.#pool && parts > 1 ? this.#pool.places : 1;
  }

  /** Runs a job of a call; a promise where that takes turns with the host's other tasks or with threads. */
  runJob<K extends KernelName>(job: Job<K>, { turn, signal }: KernelCall): Promise<void> | undefined {
    this.#pool?.checkUsable();
    if (this.#pool && job.parts > 1) return this.#pool.run(job, this.#records, RECORD_STRIDE, turn, signal);
    for (let part = 0; part < job.parts; part++) {
      if (turn.isOver()) return this.#runInTurns(job, part, turn, signal);
      this.#runPart(job, part);
    }
    return undefined;
  }

  /** Lets pending calls end, then ends the threads and drops the memory. */
  dispose(): Promise<void> {
    return this.#queue.close(async () => {
      const pool = this.#pool;
      this.#pool = undefined;
      this.#memory = undefined;
      await pool?.stop();
    });
  }

  async #runInTurns<K extends KernelName>(
    job: Job<K>,
    first: number,
    turn: Turn,
    signal: AbortSignalLike | undefined,
  ): Promise<void> {
    for (let part = first; part < job.parts; part++) {
      if (turn.isOver()) {
        await turn.next();
        throwIfAborted(signal);
      }
      this.#runPart(job, part);
    }
  }

  #runPart<K extends KernelName>(job: Job<K>, part: number): void {
    writeRecord(this.memory, this.#records, job.kernel, job.enter(part, 0));
    (this.#functions.get(job.kernel) as KernelFunction)(this.#records, job.scratch);
    job.leave?.(part, 0);
  }

  #add<M extends ModuleName>(name: M, module: WebAssembly.Module, exports: ModuleExports<M>): void {
    this.#modules.push(module);
    for (const kernel of MODULES[name]) {
      this.#functions.set(kernel, exports[kernel as keyof ModuleExports<M>] as KernelFunction);
    }
  }

  async #instantiateModel(source: KernelSource): Promise<ModuleExports<'model'>> {
    const module = await source.module(this.threads > 1);
    return this.call(async () => {
      const exports = await instantiateModule('model', module, this.memory.wasm);
      this.#add('model', module, exports);
      // Workers get their modules at their start: the next job starts new ones.
      await this.#pool?.stop();
      return exports;
    });
  }
}

/** What a running call may do; its arrays are its own until it ends. */
export class KernelCall {
  readonly turn = new Turn();
  readonly #pointers: number[] = [];

  constructor(
    readonly core: KernelCore,
    readonly signal: AbortSignalLike | undefined,
  ) {}

  /** Arrays of `sizes` bytes and, in each of so many places, of `sizesOfPlace`; 0 for size 0. */
  work<K extends string, P extends string = never>(
    sizes: Readonly<Record<K, number>>,
    sizesOfPlace?: Readonly<Record<P, number>>,
    places?: number,
  ): Layout<K, P> {
    const { pointer, ...layout } = this.core.memory.allocateArrays(sizes, sizesOfPlace, places);
    this.#pointers.push(pointer);
    return layout;
  }

  /** Bytes of scratch for every thread, and those of one, from what a kernel needs. */
  scratch(bytes: number): { readonly scratch: number; readonly scratchBytes: number } {
    const scratchBytes = Math.ceil((bytes + SLACK) / SLACK) * SLACK;
    return { scratch: this.core.threads * scratchBytes, scratchBytes };
  }

  /** Runs a job, then `result`; a promise of it where the job takes turns with other tasks or threads. */
  run<K extends KernelName, T>(job: Job<K>, result: () => T): T | Promise<T> {
    const done = this.core.runJob(job, this);
    return done ? done.then(result) : result();
  }

  /** Runs a step of a longer call; its arrays are free again behind it. */
  async step<K extends KernelName>(prepare: () => Job<K>): Promise<void> {
    const mark = this.#pointers.length;
    await this.run(prepare(), () => this.#free(mark));
  }

  /** Frees the call's arrays. */
  end(): void {
    this.#free(0);
  }

  #free(mark: number): void {
    for (const pointer of this.#pointers.splice(mark)) this.core.memory.free(pointer);
  }
}
