import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { machine } from './machine.js';
import { measure, median, ratio, type Timing } from './measure.js';
import type { Side } from './side.js';
import { swinSide, swinSides } from './sides/swin.js';
import { MODELS, type SwinFiles, writeSwinModel } from './swinModel.js';

// npm run bench:swin: whole models of random weights.
// With --memory FILES SIDE, prints what loading and running one side takes in a process of its own.

const [first, ...rest] = process.argv.slice(2);
const ROUNDS = 7;
/** Largest difference of two engines' logits, relative to the largest logit; nets of random weights multiply int8's. */
const AGREEMENT = 1e-3;
const INT8_AGREEMENT = 0.3;

if (first === '--memory') await printMemory(JSON.parse(rest[0] as string), rest[1] as string);
else await compareAll();

async function printMemory(files: SwinFiles, sideName: string): Promise<void> {
  const start = performance.now();
  const side = await swinSide(sideName)(files);
  const load = performance.now() - start;
  for (let i = 0; i < 3; i++) await side.run();
  console.log(JSON.stringify({ load, peak: await peakMebibytes() }));
  process.exit();
}

/** Of this process alone: what `getrusage` says starts with the parent's. */
async function peakMebibytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function compareAll(): Promise<void> {
  const lines: string[] = [];
  for (const name of Object.keys(MODELS) as (keyof typeof MODELS)[]) {
    const { title } = MODELS[name];
    const files = await writeSwinModel(name);
    const sides: Side[] = [];
    for (const [sideName, make] of await swinSides(files)) sides.push({ ...(await make(files)), name: sideName });
    await checkAgreement(sides);
    const timings = await measure(sides, ROUNDS);
    const own = timings[0] as Timing;
    lines.push(
      `## ${title}`,
      '',
      '| | ms | time over flash, 1 thread | load, ms | peak RSS, MiB |',
      '|---|---:|---:|---:|---:|',
    );
    for (const timing of timings) {
      const { load, peak } = memoryOf(files, timing.name);
      const cells = [
        timing.name,
        (1e3 * timing.median).toFixed(0),
        `${ratio(own, timing).toFixed(2)}×`,
        load.toFixed(0),
        peak.toFixed(0),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
      console.log(title, ...cells);
    }
    lines.push('');
    for (const side of sides) await side.dispose();
  }
  const head = [
    '# Whole models',
    '',
    'Medians of interleaved rounds, made by `npm run bench:swin`; random weights, batch 1.',
    '',
  ];
  const about = Object.entries(machine()).map(([key, value]) => `- ${key}: ${value}`);
  await writeFile(new URL('../results/swin.md', import.meta.url), [...head, ...about, '', ...lines].join('\n'));
  process.exit();
}

/** Refuses engines that disagree: they are not timed. */
async function checkAgreement(sides: readonly Side[]): Promise<void> {
  const outputs = await Promise.all(sides.map((side) => side.run()));
  const expected = outputs.at(-1) as Float32Array;
  const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  outputs.forEach((output, i) => {
    const error = output.reduce((max, x, j) => Math.max(max, Math.abs(x - (expected[j] as number))), 0) / largest;
    const { name } = sides[i] as Side;
    const bound = name.includes('int8') ? INT8_AGREEMENT : AGREEMENT;
    if (!(error < bound)) throw new Error(`${name} differs by ${error} of the largest logit`);
  });
}

/** Medians of a few processes. */
function memoryOf(files: SwinFiles, side: string): { load: number; peak: number } {
  const runs = [0, 1, 2].map(() => {
    const arguments_ = [fileURLToPath(import.meta.url), '--memory', JSON.stringify(files), side];
    return JSON.parse(execFileSync(process.execPath, arguments_, { encoding: 'utf8' })) as {
      load: number;
      peak: number;
    };
  });
  return { load: median(runs.map(({ load }) => load)), peak: median(runs.map(({ peak }) => peak)) };
}
