// node bench/loading.mjs: what loading a Swin-T takes in Node: peak and steady memory of one float16 model in a process of
// its own, and processor time of float16 and float32 files, interleaved in one process. Megabytes of 10^6 bytes.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const ROUNDS = 9;
const [step, directory] = process.argv.slice(2);

if (step === '--write') await writeModels(directory);
else if (step === '--memory') await reportMemory(directory);
else if (step === '--time') await reportTime(directory);
else {
  const own = await mkdtemp(join(tmpdir(), 'loading-'));
  try {
    for (const next of ['--write', '--memory', '--memory', '--memory', '--time']) {
      spawnSync(process.execPath, [fileURLToPath(import.meta.url), next, own], { stdio: 'inherit' });
    }
  } finally {
    await rm(own, { recursive: true });
  }
}

/** By torchvision's names, with shapes of the tests' golden file. */
async function writeModels(root) {
  const { readSafetensors, writeSafetensors } = await import('../build/safetensors/index.js');
  const { numberToFloat16 } = await import('../build/tensor/half.js');
  const { madeUpWeight } = await import('../scripts/madeUpWeights.mjs');
  const golden = new URL('../test/golden/upstreamReal.safetensors.gz', import.meta.url);
  const { tensors, metadata } = readSafetensors(gunzipSync(await readFile(golden)));
  const { config } = JSON.parse(metadata.cases).find(({ name }) => name === 'torchvision_tiny_225x225');
  const shapes = JSON.parse(new TextDecoder().decode(tensors['torchvision_tiny.shapes'].data));
  const float32 = Object.fromEntries(Object.entries(shapes).map(([name, dims]) => [name, madeUpWeight(name, dims)]));
  const float16 = Object.fromEntries(
    Object.entries(float32).map(([name, { data, dims }]) => {
      return [name, { data: Uint16Array.from(data, numberToFloat16), dims, type: 'float16' }];
    }),
  );
  for (const [type, weights] of Object.entries({ float16, float32 })) {
    await mkdir(join(root, type));
    await writeFile(join(root, type, 'config.json'), JSON.stringify(config));
    await writeFile(join(root, type, 'model.safetensors'), writeSafetensors(weights));
  }
}

async function reportMemory(root) {
  const { SwinForImageClassification } = await import('../build/swin/index.js');
  const base = process.memoryUsage().rss;
  const model = await SwinForImageClassification.fromPretrained(join(root, 'float16'));
  const loaded = process.resourceUsage().maxRSS * 1024;
  await model.forward({ data: new Float32Array(3 * 224 * 224).fill(0.5), dims: [1, 3, 224, 224] });
  const peak = process.resourceUsage().maxRSS * 1024;
  const [first, atLoad, most, steady] = [base, loaded, peak, process.memoryUsage().rss].map((bytes) => bytes / 1e6);
  console.log(
    `float16 Swin-T: library imported ${first.toFixed(1)} MB; peak of loading ${atLoad.toFixed(1)} MB, ` +
      `with a call ${most.toFixed(1)} MB; steady behind the call ${steady.toFixed(1)} MB`,
  );
  await model.dispose();
}

async function reportTime(root) {
  const { SwinForImageClassification } = await import('../build/swin/index.js');
  const times = { float16: [], float32: [] };
  for (let round = -1; round < ROUNDS; round++) {
    for (const [type, own] of Object.entries(times)) {
      const before = process.cpuUsage();
      const model = await SwinForImageClassification.fromPretrained(join(root, type));
      const { user, system } = process.cpuUsage(before);
      await model.dispose();
      // The first round compiles.
      if (round >= 0) own.push((user + system) / 1000);
    }
  }
  const [float16, float32] = Object.values(times).map((own) => own.sort((a, b) => a - b)[(ROUNDS - 1) / 2]);
  console.log(
    `loading takes ${float16.toFixed(0)} ms of processor time from float16, ${float32.toFixed(0)} ms from float32: ` +
      `${(float16 / float32).toFixed(2)}×, medians of ${ROUNDS} interleaved rounds`,
  );
}
