/** Whether this is an edge function of Vercel or Next, where names of Node are there and throw. */
export function isEdgeFunction(): boolean {
  return 'EdgeRuntime' in globalThis;
}

/** A module of Node, in hosts that have it; bundlers see no import that they would have to resolve. */
export function nodeBuiltin<K extends 'node:fs' | 'node:os' | 'node:worker_threads'>(name: K) {
  return isEdgeFunction() ? undefined : globalThis.process?.getBuiltinModule?.(name);
}
