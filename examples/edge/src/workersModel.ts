// Cloudflare Workers: the model that MODEL names, in shards of at most 25 MiB from the assets that it is deployed with, or from
// another host. The script carries no model: workerd keeps all of a script in memory.
import type { SwinOptions } from 'flash-window-attention/swin';
import { createIsolateBackend } from './isolate.ts';
import { createWorker } from './worker.ts';

interface Environment {
  /** A model's URL, or a path among the assets, such as `/swin-tiny/`. */
  readonly MODEL: string;
  /** What the linear layers' weights are kept as. */
  readonly DTYPE?: SwinOptions['dtype'];
  readonly ASSETS?: { readonly fetch: typeof fetch };
}

export default createWorker(({ MODEL, DTYPE: dtype, ASSETS }: Environment) => ({
  model: MODEL,
  load() {
    if (!MODEL.startsWith('/') || !ASSETS) return createIsolateBackend(MODEL, { dtype, cache: 'models' });
    const get: typeof fetch = (input, init) => ASSETS.fetch(input, init);
    return createIsolateBackend(new URL(MODEL, 'https://assets.invalid'), { dtype, fetch: get });
  },
}));
