import { OpenAPIHono } from '@hono/zod-openapi';
import type { RawImage } from 'flash-window-attention/image';
import { readSafetensors, writeSafetensors } from 'flash-window-attention/safetensors';
import type { Context } from 'hono';
import type { Backend, ForwardArgs } from './backend.ts';
import { readBody } from './body.ts';
import { LIMITS } from './limits.ts';
import { Metrics } from './metrics.ts';
import { Problem, problemOf } from './problem.ts';
import {
  attentionRoute,
  classifyRoute,
  embedRoute,
  healthRoute,
  IMAGE_TYPES,
  metricsRoute,
  PIXELS_TYPE,
  ROUTES,
  SAFETENSORS_TYPE,
} from './routes.ts';

const TENSORS = ['q', 'k', 'v', 'bias', 'mask', 'logitScale'];

/** What `GET /metrics` says of the model. */
export interface ServiceInfo {
  readonly model: string;
  readonly runtime: string;
  /** What the host measures besides, in Prometheus' names. */
  gauges?(): Readonly<Record<string, number>>;
}

/** The service. `backend` loads the model once; where it rejects, the next request calls it again. */
export function createService(backend: () => Promise<Backend>, { model, runtime, gauges }: ServiceInfo) {
  const metrics = new Metrics();
  const methods = new Map<string, string>([
    ['/openapi.json', 'GET'],
    ...ROUTES.map(({ path, method }) => [path, method.toUpperCase()] as const),
  ]);
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (result.success) return;
      const faults = result.error.issues.map(({ path, message }) => `${path.join('.') || 'query'}: ${message}`);
      throw new Problem(422, 'Unprocessable Content', faults.join('; '));
    },
  });

  app.use(async (c, next) => {
    const start = performance.now();
    const isLimited = c.req.method === 'POST';
    if (isLimited && metrics.inFlight >= LIMITS.requests) {
      metrics.count(pathOf(c), 429, 0);
      const detail = `at most ${LIMITS.requests} requests at once are taken`;
      return new Problem(429, 'Too Many Requests', detail, { 'retry-after': '1' }).response(c.req.path);
    }
    if (isLimited) metrics.inFlight++;
    try {
      await next();
    } finally {
      if (isLimited) metrics.inFlight--;
      metrics.count(pathOf(c), c.res.status, (performance.now() - start) / 1000);
    }
  });
  const pathOf = (c: Context) => (methods.has(c.req.path) ? c.req.path : 'other');
  app.onError((error, c) => problemOf(error, c.req.raw.signal).response(c.req.path));
  app.notFound((c) => {
    const { path, method } = c.req;
    const allowed = methods.get(path);
    if (!allowed) return new Problem(404, 'Not Found', `no ${method} ${path}`).response(path);
    const problem = new Problem(405, 'Method Not Allowed', `method expected ${allowed}, got ${method}`, {
      allow: allowed,
    });
    return problem.response(path);
  });

  app.openapi(classifyRoute, async (c) => {
    const { topK, ...query } = c.req.valid('query');
    const image = await imageOf(c.req.raw, query);
    const { signal } = c.req.raw;
    const labels = await (await backend()).classify(image, { topK, square: query.square, signal });
    return c.json({ labels }, 200);
  });

  app.openapi(embedRoute, async (c) => {
    const query = c.req.valid('query');
    const image = await imageOf(c.req.raw, query);
    const { data, dims } = await (await backend()).embed(image, { square: query.square, signal: c.req.raw.signal });
    return c.json({ dims: [...dims], data: Array.from(data) }, 200);
  });

  app.openapi(attentionRoute, async (c) => {
    checkType(c.req.raw, [SAFETENSORS_TYPE]);
    const { lse, scale } = c.req.valid('query');
    const args = attentionArgs(await readBody(c.req.raw));
    const output = await (await backend()).forward(
      { ...args, ...(scale !== undefined && { scale }) },
      { lse, signal: c.req.raw.signal },
    );
    const bytes = writeSafetensors({ o: output.o, ...(output.lse && { lse: output.lse }) });
    return c.body(bytes as Uint8Array<ArrayBuffer>, 200, { 'content-type': SAFETENSORS_TYPE });
  });

  app.openapi(healthRoute, async (c) => {
    const { labels } = await backend();
    return c.json({ status: 'ok' as const, labels: labels.length }, 200);
  });

  app.openapi(metricsRoute, (c) => c.text(metrics.text({ model, runtime }, gauges?.() ?? {}), 200));

  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'flash-window-attention',
      version: '1.0.0',
      description: `Bodies of at most ${LIMITS.body} bytes, images of at most ${LIMITS.pixels} pixels, ${LIMITS.requests} requests at once.`,
    },
  });
  return app;
}

interface ImageQuery {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

async function imageOf(request: Request, { width, height }: ImageQuery): Promise<Uint8Array | RawImage> {
  const type = checkType(request, [...IMAGE_TYPES, PIXELS_TYPE]);
  const isRaw = type === PIXELS_TYPE;
  if ([width, height].some((size) => isRaw !== (size !== undefined))) {
    throw new Problem(422, 'Unprocessable Content', `width and height belong to ${PIXELS_TYPE}, and to it alone`);
  }
  const data = await readBody(request);
  return isRaw ? { data, width: width as number, height: height as number } : data;
}

/** @throws Problem 415, for compressed bodies too. */
function checkType(request: Request, types: readonly string[]): string {
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    const detail = `content-encoding expected none, got ${encoding}`;
    throw new Problem(415, 'Unsupported Media Type', detail, { 'accept-encoding': 'identity' });
  }
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (types.includes(type)) return type;
  throw new Problem(415, 'Unsupported Media Type', `content-type expected ${types.join(', ')}, got ${type || 'none'}`);
}

function attentionArgs(bytes: Uint8Array): ForwardArgs {
  const header = bytes.length < 8 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (header > LIMITS.header)
    throw new RangeError(`a header of at most ${LIMITS.header} bytes expected, got ${header}`);
  const { tensors } = readSafetensors(bytes);
  const unknown = Object.keys(tensors).find((name) => !TENSORS.includes(name));
  if (unknown !== undefined) throw new RangeError(`tensors expected ${TENSORS.join(', ')}, got ${unknown}`);
  const [B = 1, H = 1, L = 1, D = 1] = tensors.q?.dims ?? [];
  const multiplications = 2 * B * H * L * L * D;
  if (multiplications > LIMITS.multiplications) {
    throw new RangeError(`2·B·H·L²·D expected at most ${LIMITS.multiplications}, got ${multiplications}`);
  }
  return tensors as unknown as ForwardArgs;
}
