import { isEdgeFunction } from '../tensor/host.js';

/** How long the caller's thread computes before the host's other tasks run, milliseconds. */
const TURN = 10;

/** How long it waits for the message that ends a turn, milliseconds. */
const LATEST = 100;

/** The time that a call has had since the host's other tasks ran. */
export class Turn {
  #start = performance.now();

  isOver(now = performance.now()): boolean {
    return now - this.#start > TURN && mayWait();
  }

  /** Lets the host's other tasks run. */
  async next(): Promise<void> {
    await nextTask();
    this.restart();
  }

  /** To be called when they ran. */
  restart(): void {
    this.#start = performance.now();
  }
}

/**
 * Whether a call may wait for the host's other tasks. Cloudflare Workers and Vercel's edge functions end what a request
 * waits for together with the request: a call that waits there may never go on, and what is queued behind it neither.
 */
function mayWait(): boolean {
  return globalThis.navigator?.userAgent !== 'Cloudflare-Workers' && !isEdgeFunction();
}

/** Lets the host's other tasks run; settles after them, without the 4 ms that browsers add to nested timers. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else {
      const { port1, port2 } = new MessageChannel();
      const end = () => {
        clearTimeout(timer);
        port1.close();
        resolve();
      };
      // A call must not wait for ever where a host loses the message.
      const timer = setTimeout(end, LATEST);
      port1.onmessage = end;
      port2.postMessage(undefined);
    }
  });
}
