// node bench/swinLarge.mjs [swinLarge.onnx]: a Swin-L backbone at 1024², window 12, in one thread and a process of its own:
// processor time and peak memory of onnxruntime-web on the graph of exportSwinLarge.py, or without one of this library.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createWindowAttention } from '../build/index.js';
import { readSafetensors, writeSafetensors } from '../build/safetensors/index.js';
import { SwinBackbone } from '../build/swin/index.js';
import { errorOfSample, madeUpPixels, madeUpWeight } from '../scripts/madeUpWeights.mjs';

const GOLDEN = new URL('../test/golden/upstreamReal.safetensors.gz', import.meta.url);
const CASE = 'detection_large_1024x1024';
const { tensors, metadata } = readSafetensors(gunzipSync(await readFile(GOLDEN)));
const [first, second] = process.argv.slice(2);

if (first === '--write') await writeModel(second);
else if (first === '--flash') await report(await flash(second));
else if (first) await report(await web(first));
else {
  const directory = await mkdtemp(join(tmpdir(), 'swin-large-'));
  const { spawnSync } = await import('node:child_process');
  // Weights are made in a process that ends, so that they are no part of the peak.
  for (const step of ['--write', '--flash']) {
    spawnSync(process.execPath, [fileURLToPath(import.meta.url), step, directory], { stdio: 'inherit' });
  }
  await rm(directory, { recursive: true });
}

async function writeModel(directory) {
  const { config } = JSON.parse(metadata.cases).find(({ name }) => name === CASE);
  const shapes = JSON.parse(new TextDecoder().decode(tensors['detection_large.shapes'].data));
  const weights = Object.fromEntries(Object.entries(shapes).map(([name, dims]) => [name, madeUpWeight(name, dims)]));
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'model.safetensors'), writeSafetensors(weights));
}

async function flash(directory) {
  const attention = await createWindowAttention();
  const backbone = await SwinBackbone.fromPretrained(directory, { attention });
  return async (pixels) => (await backbone.forward(pixels)).featureMaps;
}

async function web(graph) {
  const { InferenceSession, Tensor, env } = await import('onnxruntime-web');
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(await readFile(graph), { executionProviders: ['wasm'] });
  return async ({ data, dims }) => {
    const results = await session.run({ x: new Tensor('float32', data, dims) });
    return [0, 1, 2, 3].map((stage) => results[`map${stage}`]);
  };
}

async function report(run) {
  const pixels = madeUpPixels(1024, 1024);
  const before = process.cpuUsage();
  const maps = await run(pixels);
  const { user, system } = process.cpuUsage(before);
  const errors = maps.map(({ data }, i) => {
    return errorOfSample(data, tensors[`${CASE}.sample${i}`].data, tensors[`${CASE}.largest${i}`].data[0]);
  });
  const peak = process.resourceUsage().maxRSS / 1024;
  const seconds = (user + system) / 1e6;
  console.log(
    `error ${Math.max(...errors).toExponential(1)}, ${seconds.toFixed(1)} s of processor time, peak ${peak.toFixed(0)} MiB`,
  );
  process.exit();
}
