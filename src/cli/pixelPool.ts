import { Worker } from 'node:worker_threads';
import type { Tensor } from '../tensor/tensor.js';
import type { PixelOptions, ReadPixels } from './pixelReader.js';

interface Task {
  readonly path: string;
  resolve(pixels: Tensor<Float32Array>): void;
  reject(error: Error): void;
}

type Answer = { readonly pixels: Tensor<Float32Array> } | { readonly error: string };

/** Threads that decode and preprocess images, one at a time each. */
export class PixelPool {
  readonly #workers = new Set<Worker>();
  readonly #running = new Map<Worker, Task>();
  readonly #waiting: Task[] = [];

  constructor(threads: number, options: PixelOptions) {
    const program = new URL('./pixelWorker.js', import.meta.url);
    for (let i = 0; i < threads; i++) this.#start(new Worker(program, { workerData: options }));
  }

  readonly read: ReadPixels = (path) => {
    return new Promise((resolve, reject) => {
      if (this.#workers.size === 0) reject(new Error(`${path}: no thread is left that decodes images`));
      this.#waiting.push({ path, resolve, reject });
      this.#next();
    });
  };

  async dispose(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #start(worker: Worker): void {
    this.#workers.add(worker);
    let reason = 'the thread that decodes it has ended';
    worker.on('message', (answer: Answer) => {
      const task = this.#take(worker);
      if ('error' in answer) task?.reject(new Error(answer.error));
      else task?.resolve(answer.pixels);
      this.#next();
    });
    worker.on('error', (error: Error) => {
      reason = error.message;
    });
    // The other threads go on; without any, nothing would ever be read again.
    worker.on('exit', () => {
      this.#workers.delete(worker);
      const ended = [this.#take(worker), ...(this.#workers.size === 0 ? this.#waiting.splice(0) : [])];
      for (const task of ended) task?.reject(new Error(`${task.path}: ${reason}`));
    });
  }

  #take(worker: Worker): Task | undefined {
    const task = this.#running.get(worker);
    this.#running.delete(worker);
    return task;
  }

  #next(): void {
    for (const worker of this.#workers) {
      if (this.#running.has(worker)) continue;
      const task = this.#waiting.shift();
      if (!task) return;
      this.#running.set(worker, task);
      worker.postMessage(task.path);
    }
  }
}
