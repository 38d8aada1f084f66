import type { AbortSignalLike } from './abortSignal.js';

/** Who waits for a signal, which has one listener for all of them. */
interface Waiting {
  readonly listeners: Set<() => void>;
  readonly tell: () => void;
}

const waiting = new WeakMap<AbortSignalLike, Waiting>();

/**
 * Calls `listener` once when `signal` is aborted, unless what this returns was called before. However many calls share a
 * signal, such as a server's, it gets one listener: Node warns of a leak beyond ten.
 */
export function onAbort(signal: AbortSignalLike | undefined, listener: () => void): () => void {
  if (!signal) return () => {};
  const { listeners, tell } = waiting.get(signal) ?? listen(signal);
  // A function of its own: the same listener may wait twice.
  const own = () => listener();
  listeners.add(own);
  return () => {
    if (!listeners.delete(own) || listeners.size > 0) return;
    signal.removeEventListener('abort', tell);
    if (waiting.get(signal)?.tell === tell) waiting.delete(signal);
  };
}

function listen(signal: AbortSignalLike): Waiting {
  const listeners = new Set<() => void>();
  const tell = () => {
    signal.removeEventListener('abort', tell);
    waiting.delete(signal);
    for (const listener of listeners) listener();
  };
  signal.addEventListener('abort', tell);
  const own = { listeners, tell };
  waiting.set(signal, own);
  return own;
}
