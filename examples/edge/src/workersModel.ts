// Cloudflare Workers: the model that MODEL names, in shards of at most 25 MiB from the assets that it is deployed with, or from
// another host. The script carries no model: workerd keeps all of a script in memory.
import { createIsolateBackend } from './isolate.ts';
import { createWorker } from './worker.ts';

interface Environment {
  /** A model's URL, or a path among the assets, such as `/swin-tiny/`. */
  readonly MODEL: string;
  readonly ASSETS?: { readonly fetch: typeof fetch };
}

export default createWorker(({ MODEL, ASSETS }: Environment) => ({
  model: MODEL,
  load() {
    if (!MODEL.startsWith('/') || !ASSETS) return createIsolateBackend(MODEL, { cache: 'models' });
    const get: typeof fetch = (input, init) => ASSETS.fetch(input, init);
    return createIsolateBackend(new URL(MODEL, 'https://assets.invalid'), { fetch: get });
  },
}));
