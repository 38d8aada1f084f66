/** Whether this is an edge function of Vercel or Next, where names of Node are there and throw. */
export function isEdgeFunction(): boolean {
  return 'EdgeRuntime' in globalThis;
}

interface NodeModules {
  'node:fs': typeof import('node:fs');
  'node:os': typeof import('node:os');
  'node:zlib': typeof import('node:zlib');
  'node:worker_threads': typeof import('node:worker_threads');
}

/** A module of Node, in hosts that have it; bundlers see no import that they would have to resolve. */
export function nodeBuiltin<K extends keyof NodeModules>(name: K): NodeModules[K] | undefined {
  if (isEdgeFunction()) return undefined;
  return globalThis.process?.getBuiltinModule?.(name) as NodeModules[K] | undefined;
}
