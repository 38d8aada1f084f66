import type { Backend } from './backend.ts';
import { once } from './once.ts';
import { createService } from './service.ts';

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

interface ModelSource {
  /** What /metrics calls it. */
  readonly model: string;
  load(): Promise<Backend>;
}

/** A Worker that loads its model once an isolate: a new isolate starts without a service. */
export function createWorker<Environment>(sourceOf: (env: Environment) => ModelSource) {
  const serviceOf = (env: Environment) => {
    const { model, load } = sourceOf(env);
    const backend = once(load);
    return { backend, app: createService(backend, { model, runtime: 'workerd' }) };
  };
  let service: ReturnType<typeof serviceOf> | undefined;
  return {
    async fetch(request: Request, env: Environment, context: ExecutionContext): Promise<Response> {
      service ??= serviceOf(env);
      const { backend, app } = service;
      // A load that one request began goes on for the others when that request ends.
      context.waitUntil(backend().catch(() => {}));
      return app.fetch(request);
    },
  };
}
