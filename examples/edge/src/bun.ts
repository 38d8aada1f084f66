import { fileURLToPath } from 'node:url';
import type { SwinOptions } from 'flash-window-attention/swin';
import { createIsolateBackend } from './isolate.ts';
import { once } from './once.ts';
import { createService } from './service.ts';

declare const Bun: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request): Response | Promise<Response>;
  }): { readonly url: URL };
};

const embedded = () =>
  fileURLToPath(new URL('.', import.meta.resolve('flash-window-attention/models/swin-cifar10/config.json')));
const model = Bun.env.MODEL;
const dtype = Bun.env.DTYPE as SwinOptions['dtype'];
const backend = once(() => createIsolateBackend(model ?? embedded(), { dtype }));
const service = createService(backend, { model: model ?? 'swin-cifar10', runtime: `bun ${Bun.version}` });
const { url } = Bun.serve({
  port: Number(Bun.env.PORT ?? 8787),
  hostname: Bun.env.HOST ?? '127.0.0.1',
  fetch: (request) => service.fetch(request),
});
console.log(url.href);
