// Node: workers compute, so that this thread always has time for connections.
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { serve } from '@hono/node-server';
import { createSwinPool } from 'flash-window-attention/pool';
import type { SwinOptions } from 'flash-window-attention/swin';
import type { Backend } from './backend.ts';
import { LIMITS } from './limits.ts';
import { createService } from './service.ts';

const model = process.env.MODEL;
const pool = await createSwinPool({
  model,
  dtype: process.env.DTYPE as SwinOptions['dtype'],
  maxPixels: LIMITS.pixels,
  ...(process.env.WORKERS && { workers: Number(process.env.WORKERS) }),
});
// Nobody reads a body again: workers take it over in place of a copy.
const backend: Backend = {
  labels: pool.labels,
  classify: (image, options) => pool.classify(image, { ...options, transfer: true }),
  embed: (image, options) => pool.embed(image, { ...options, transfer: true }),
  forward: (args, options) => pool.forward(args, options),
};
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const service = createService(async () => backend, {
  model: model ?? 'swin-cifar10',
  runtime: `node ${process.versions.node}`,
  gauges: () => ({
    nodejs_eventloop_lag_p50_seconds: delay.percentile(50) / 1e9,
    nodejs_eventloop_lag_p99_seconds: delay.percentile(99) / 1e9,
    nodejs_eventloop_lag_max_seconds: delay.max / 1e9,
  }),
});
const server = serve(
  {
    fetch: service.fetch,
    port: Number(process.env.PORT ?? 8787),
    hostname: process.env.HOST ?? '127.0.0.1',
    createServer,
    serverOptions: { requestTimeout: LIMITS.bodyTime + 5000, headersTimeout: 5000, connectionsCheckingInterval: 1000 },
  },
  ({ address, port }) => console.log(`http://${address}:${port}`),
);

/** Answers what has come, then ends. */
async function stop(): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
  await pool.dispose();
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
