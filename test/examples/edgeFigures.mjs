// npm run figures:edge: what examples/edge takes in workerd, Node, Deno and Bun, from the packed package: time and processor
// time from a cold start to the first answer, processor time a request, and memory after 20 more requests. With the embedded
// model, and with a Swin-T of random weights in int8 and in float16, in Workers from assets in shards.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install, pack } from './install.mjs';
import { serverFigures } from './serverFigures.mjs';
import { swinTiny } from './swinTiny.mjs';
import { workerdFigures } from './workerdFigures.mjs';

const bin = (path) => fileURLToPath(new URL(`../runtimes/node_modules/${path}`, import.meta.url));
const photograph = readFileSync(new URL('../../examples/images/chelsea.png', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'flash-window-attention-edge-'));
try {
  const directory = await install('edge', work, pack(work));
  execFileSync('node', ['build.mjs'], { cwd: directory });
  const models = { int8: await swinTiny('int8'), float16: await swinTiny('float16') };
  const directories = {};
  for (const [dtype, files] of Object.entries(models)) {
    directories[dtype] = join(work, dtype);
    mkdirSync(directories[dtype]);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directories[dtype], name), bytes);
  }
  const permissions = ['--no-remote', '--allow-net', '--allow-read', '--allow-env'];
  const node = "require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT)";
  const deno = "Deno.serve({ port: Number(Deno.env.get('PORT')) }, () => new Response())";
  const bun = 'Bun.serve({ port: process.env.PORT, fetch: () => new Response() })';
  const runtimes = {
    Node: { empty: ['node', '-e', node], service: ['node', 'dist/node.mjs'] },
    Deno: {
      empty: [bin('@deno/linux-x64-glibc/deno'), 'eval', deno],
      service: [bin('@deno/linux-x64-glibc/deno'), 'run', ...permissions, 'src/deno.ts'],
    },
    Bun: {
      empty: [bin('@oven/bun-linux-x64/bin/bun'), '-e', bun],
      service: [bin('@oven/bun-linux-x64/bin/bun'), 'src/bun.ts'],
    },
  };
  const rows = await workerdFigures(directory, photograph, models);
  for (const [name, commands] of Object.entries(runtimes)) {
    rows.push(...(await serverFigures(name, commands, directory, photograph, directories)));
  }
  const both = (bytes) => `${Math.round(bytes / 1e6)} MB (${Math.round(bytes / 2 ** 20)} MiB)`;
  console.log(
    '| runtime | model | cold start to first answer | of it processor time | processor time a request | memory in all | of it its own | over an empty server | peak over it |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const { runtime, model, coldMs, coldCpuMs, cpuMs, memory, own, peak, empty } of rows) {
    const times = [coldMs, coldCpuMs, cpuMs].map((ms) => `${ms} ms`);
    const sizes = [memory, own, memory - empty.memory, peak - empty.memory].map(both);
    console.log(`| ${[runtime, model, ...times, ...sizes].join(' | ')} |`);
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}
