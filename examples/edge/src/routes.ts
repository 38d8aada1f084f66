import { createRoute, z } from '@hono/zod-openapi';

export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
/** Rows of RGB or RGBA bytes; `width` and `height` are in the query. */
export const PIXELS_TYPE = 'application/octet-stream';
export const SAFETENSORS_TYPE = 'application/vnd.safetensors';

const flag = (description: string) =>
  z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true')
    .openapi({ description, type: 'boolean', default: false });
const size = (description: string) => z.coerce.number().int().min(1).max(65_535).optional().openapi({ description });
const square = flag("Take the largest square in the image's middle.");
const imageQuery = z.strictObject({
  square,
  width: size('Of raw pixels.'),
  height: size('Of raw pixels.'),
});

const binary = z.any().openapi({ description: 'Bytes.' });
const imageBody = {
  required: true,
  content: Object.fromEntries([...IMAGE_TYPES, PIXELS_TYPE].map((type) => [type, { schema: binary }])),
};

const Problem = z
  .object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string(), instance: z.string() })
  .openapi('Problem', { description: 'RFC 9457' });
const json = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'The body ended early.',
  408: 'The body came too slowly.',
  413: 'The body is too long.',
  415: 'The content type is none that is taken.',
  422: 'The query or the body is wrong, or asks for too much; the detail says what was expected.',
  429: 'Too many requests at once.',
  500: 'The service failed.',
};
const problems = Object.fromEntries(
  Object.entries(PROBLEMS).map(([status, description]) => [
    status,
    { description, content: { 'application/problem+json': { schema: Problem } } },
  ]),
);

const Classification = z.object({ label: z.string(), score: z.number() }).openapi('Classification');
const Features = z.object({ dims: z.array(z.int()), data: z.array(z.number()) }).openapi('Features');

export const classifyRoute = createRoute({
  method: 'post',
  path: '/classify',
  summary: 'The likeliest labels of an image',
  request: {
    query: imageQuery.extend({
      topK: z.coerce.number().int().min(1).max(1000).default(5).openapi({ description: 'Labels to return.' }),
    }),
    body: imageBody,
  },
  responses: {
    200: json(z.object({ labels: z.array(Classification) }), 'Likeliest first; scores are probabilities.'),
    ...problems,
  },
});

export const embedRoute = createRoute({
  method: 'post',
  path: '/embed',
  summary: 'The pooled features of an image',
  request: { query: imageQuery, body: imageBody },
  responses: { 200: json(Features, 'float32 of dims [1, C].'), ...problems },
});

export const attentionRoute = createRoute({
  method: 'post',
  path: '/attention',
  summary: 'Window attention of tensors q, k, v [B, H, L, D], and bias [H, L, L], mask [nW, L, L] or logitScale [H]',
  request: {
    query: z.strictObject({
      lse: flag("Also return logsumexp of the scores' rows, [B, H, L]."),
      // Nothing would be 0.
      scale: z
        .string()
        .regex(/\d/, 'expected a number')
        .pipe(z.coerce.number())
        .optional()
        .openapi({ type: 'number', description: 'D ** -0.5 when absent.' }),
    }),
    body: { required: true, content: { [SAFETENSORS_TYPE]: { schema: binary } } },
  },
  responses: {
    200: { description: 'Tensor o, and lse where asked for.', content: { [SAFETENSORS_TYPE]: { schema: binary } } },
    ...problems,
  },
});

export const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the model is loaded; loads it',
  responses: {
    200: json(z.object({ status: z.literal('ok'), labels: z.int() }), 'It is.'),
    500: problems[500] as { description: string },
  },
});

export const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: "Counts, latencies, memory and model, in Prometheus' text format",
  responses: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } } },
});

export const ROUTES = [classifyRoute, embedRoute, attentionRoute, healthRoute, metricsRoute];
