// npm start -- FILE…: classifies images in worker threads. This thread only ticks, as a user interface would.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createSwinPool } from 'flash-window-attention/pool';

const files = process.argv.slice(2);
if (files.length === 0) throw new Error('usage: npm start -- FILE…');
const pool = await createSwinPool({ workers: Math.min(availableParallelism(), files.length) });
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const results = await Promise.allSettled(
  files.map(async (file) => pool.classify(await readFile(file), { topK: 1, square: true })),
);
delay.disable();
results.forEach((result, i) => {
  if (result.status === 'fulfilled') console.log(`${files[i]}: ${result.value[0].label}`);
  else console.error(`${files[i]}: ${result.reason.message}`);
});
console.error(`event-loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
await pool.dispose();
process.exitCode = results.every(({ status }) => status === 'fulfilled') ? 0 : 1;
