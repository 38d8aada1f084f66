import { onAbort } from '../tensor/abortListeners.js';
import type { AbortSignalLike } from '../tensor/abortSignal.js';
import { throwIfAborted } from '../tensor/abortSignal.js';

/**
 * The calls of one engine, one at a time, and the engine's life: open, closing while the calls made before `close` end,
 * closed. A call that finds no other runs at once, within `run`.
 */
export class CallQueue {
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isBusy = false;
  #isDraining = false;
  readonly #waiting: { start(): void }[] = [];
  readonly #afterCall: (() => void)[] = [];
  #closed: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  /** `owner`: what an error calls whatever was disposed of. */
  constructor(private readonly owner: string) {}

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** @throws Error unless the queue is open. */
  checkOpen(): void {
    if (this.#state !== 'open') throw new Error(`this ${this.owner} was disposed`);
  }

  /**
   * Runs `call` when the calls before it are over. Rejects with what it throws, with Error where the queue is closing or
   * closed, with the signal's reason where that is aborted before the call starts.
   */
  async run<T>(call: () => T | Promise<T>, signal?: AbortSignalLike | undefined): Promise<T> {
    this.checkOpen();
    throwIfAborted(signal);
    return this.#isBusy ? this.#wait(call, signal) : this.#start(call);
  }

  /** Runs `task` when no call runs: at once, or behind the one that does. */
  afterCall(task: () => void): void {
    if (this.#isBusy) this.#afterCall.push(task);
    else task();
  }

  /** Lets the calls made so far end, then runs `end`, once. Every later `run` rejects. */
  close(end: () => void | Promise<void>): Promise<void> {
    this.#closed ??= this.#close(end);
    return this.#closed;
  }

  async #close(end: () => void | Promise<void>): Promise<void> {
    this.#state = 'closing';
    if (this.#isBusy) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#state = 'closed';
    await end();
  }

  #wait<T>(call: () => T | Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting = {
        start: () => {
          stopListening();
          this.#start(call).then(resolve, reject);
        },
      };
      const stopListening = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal?.reason);
      });
      this.#waiting.push(waiting);
    });
  }

  async #start<T>(call: () => T | Promise<T>): Promise<T> {
    this.#isBusy = true;
    try {
      const result = call();
      // Awaiting what is there already would leave the queue busy for another turn.
      return result instanceof Promise ? await result : result;
    } finally {
      this.#isBusy = false;
      for (const task of this.#afterCall.splice(0)) task();
      this.#drain();
    }
  }

  /** Starts what waits, in a loop: a call that ends at once comes back here from within `start`. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (!this.#isBusy && this.#waiting.length > 0) this.#waiting.shift()?.start();
    this.#isDraining = false;
    if (!this.#isBusy) this.#onIdle?.();
  }
}
