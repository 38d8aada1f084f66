// Cloudflare Workers: the model comes with the script, or in shards of at most 25 MiB from the assets that it is deployed with.
import config from 'flash-window-attention/models/swin-cifar10/config.json';
import weights from 'flash-window-attention/models/swin-cifar10/model.safetensors';
import preprocessor from 'flash-window-attention/models/swin-cifar10/preprocessor_config.json';
import type { SwinConfig } from 'flash-window-attention/swin';
import type { Backend } from './backend.ts';
import { createIsolateBackend } from './isolate.ts';
import { once } from './once.ts';
import { createService } from './service.ts';

interface Environment {
  /** A model's URL: of another host, or a path among the assets, such as `/swin-tiny/`. */
  readonly MODEL?: string;
  readonly ASSETS?: { readonly fetch: typeof fetch };
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

let service: { readonly backend: () => Promise<Backend>; readonly app: ReturnType<typeof createService> } | undefined;

export default {
  async fetch(request: Request, env: Environment, context: ExecutionContext): Promise<Response> {
    // One an isolate: a new isolate starts with undefined.
    service ??= serviceOf(env);
    const { backend, app } = service;
    // A load that one request began goes on for the others when that request ends.
    context.waitUntil(backend().catch(() => {}));
    return app.fetch(request);
  },
};

function serviceOf({ MODEL, ASSETS }: Environment) {
  const backend = once(() => {
    if (!MODEL) return createIsolateBackend({ config: config as SwinConfig, weights, preprocessor });
    if (!MODEL.startsWith('/') || !ASSETS) return createIsolateBackend(MODEL, { cache: 'models' });
    const get: typeof fetch = (input, init) => ASSETS.fetch(input, init);
    return createIsolateBackend(new URL(MODEL, 'https://assets.invalid'), { fetch: get });
  });
  return { backend, app: createService(backend, { model: MODEL ?? 'swin-cifar10', runtime: 'workerd' }) };
}
