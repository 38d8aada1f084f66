import { fileURLToPath } from 'node:url';
import type { SwinOptions } from 'flash-window-attention/swin';
import { createIsolateBackend } from './isolate.ts';
import { once } from './once.ts';
import { createService } from './service.ts';

declare const Deno: {
  readonly env: { get(name: string): string | undefined };
  readonly version: { readonly deno: string };
  serve(
    options: { readonly port: number; readonly hostname: string },
    handler: (request: Request) => Response | Promise<Response>,
  ): void;
};

const embedded = () =>
  fileURLToPath(new URL('.', import.meta.resolve('flash-window-attention/models/swin-cifar10/config.json')));
const model = Deno.env.get('MODEL');
const dtype = Deno.env.get('DTYPE') as SwinOptions['dtype'];
const backend = once(() => createIsolateBackend(model ?? embedded(), { dtype }));
const service = createService(backend, { model: model ?? 'swin-cifar10', runtime: `deno ${Deno.version.deno}` });
Deno.serve({ port: Number(Deno.env.get('PORT') ?? 8787), hostname: Deno.env.get('HOST') ?? '127.0.0.1' }, (request) =>
  service.fetch(request),
);
