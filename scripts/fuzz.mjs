// Fuzzes what reads strange files and arguments, guided by V8's own coverage of build/.
// node scripts/fuzz.mjs [--seconds 60 | --fixed] [--seed n] [--door name]
// --fixed takes a fixed number of inputs at each door and looks at neither coverage nor clock: a seed then gives the same
// inputs on every machine, and the same outcome.
// A door may reject its input with a TypeError or RangeError that this library wrote. Anything else is a finding: another
// error, a message of the engine's own, a trap, an input that takes more than SLOWEST. Findings go to build/fuzz.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { parseArgs } from 'node:util';
import { DOORS } from './fuzzDoors.mjs';
import { Mutator } from './fuzzMutator.mjs';

/**
 * Milliseconds of processor time, and of waiting: a machine with other work is no fault of the input. Inputs take some
 * milliseconds; fixed ones may wait as long as they like, as the slowest machine must find what the fastest does.
 */
const SLOWEST = { busy: 10_000, waiting: 120_000 };
/** Inputs between two looks at the coverage, which cost as much as some hundred inputs; all of them are kept where it grew. */
const BATCH = 32;
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    fixed: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    door: { type: 'string' },
  },
});
const seed = Number(options.seed);
const doors = DOORS.filter(({ name }) => !options.door || name === options.door);
const length = options.fixed ? 'fixed inputs' : `${options.seconds} s`;
console.info(`fuzz: seed ${seed}, ${length} over ${doors.map(({ name }) => name).join(', ')}`);

/** What V8 says itself, where this library should have said what it expected. */
const NATIVE =
  /^(Cannot (read|set|convert|mix|use|destructure|access)|Invalid (array|typed array|array buffer|DataView|string) length|Maximum call stack|Array buffer allocation failed|offset is out of bounds|Offset is outside|Start offset|[\w.#$()[\]]+ is not (a function|iterable|defined|a constructor)|.* must be (of|a|an) .* Received|Reduce of empty|Invalid count|Invalid code point|The number .* cannot be converted|Unexpected (token|end|non-whitespace)|Set maximum size|Map maximum size|Immutable|Object prototype|Division by zero|Method .* called on incompatible|unreachable|memory access out of bounds|table index)/;

const session = new Session();
session.connect();
if (!options.fixed) {
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

/** @type {Set<string>} */
const seen = new Set();

/** How many blocks of this library ran that no input reached before. */
async function newBlocks() {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const before = seen.size;
  for (const { url, scriptId, functions } of result) {
    if (!/\/build\//.test(url)) continue;
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0)
          seen.add(`${scriptId}:${startOffset}:${endOffset}:${Math.min(3, Math.floor(Math.log2(count) / 3))}`);
      }
    }
  }
  return seen.size - before;
}

/**
 * @param {unknown} error
 * @returns {string | undefined} What is wrong with the error; undefined where it is one that callers are promised.
 */
function fault(error) {
  if (!(error instanceof Error)) return `throws ${typeof error}`;
  const isPromised = error instanceof TypeError || error instanceof RangeError || error.name === 'UsageError';
  if (!isPromised) return `throws ${error.name}`;
  return NATIVE.test(error.message) ? "speaks the engine's words" : undefined;
}

const start = Date.now();
const shares = doors.reduce((sum, { share = 1 }) => sum + share, 0);
let end = start;
let slowest = 0;
/** @type {Map<string, string>} */
const findings = new Map();
for (const [index, door] of doors.entries()) {
  const mutator = new Mutator(seed + index, door.tokens ?? []);
  const { run, seeds } = await door.open();
  const corpus = [...seeds];
  // Seeds are half of them: most of what is kept was refused early, and so is what it becomes.
  const chosen = () => mutator.pick(mutator.integer(2) ? seeds : corpus);
  let runs = 0;
  let refused = 0;
  /** @type {unknown[]} */
  let batch = [];
  end += (Number(options.seconds) * 1000 * (door.share ?? 1)) / shares;
  const isOver = () => (options.fixed ? runs >= seeds.length + door.inputs : Date.now() >= end);
  // Every seed is taken, however short the time.
  for (; !isOver() || runs < seeds.length; runs++) {
    const isSeed = runs < seeds.length;
    const input = isSeed ? seeds[runs] : mutator.mutate(chosen(), chosen());
    const began = performance.now();
    const cpu = process.cpuUsage();
    let what;
    let stack = '';
    try {
      await run(input);
    } catch (error) {
      what = isSeed ? 'refuses a seed' : fault(error);
      refused++;
      stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const { user, system } = process.cpuUsage(cpu);
    const busy = (user + system) / 1000;
    const waiting = performance.now() - began;
    slowest = Math.max(slowest, busy);
    if (busy > SLOWEST.busy) what = `computes for ${(busy / 1000).toFixed(1)} s`;
    else if (!options.fixed && waiting > SLOWEST.waiting) what = `takes ${(waiting / 1000).toFixed(1)} s`;
    if (what) {
      const key = `${door.name} ${what}: ${stack.split('\n').slice(0, 2).join(' ').replaceAll(/\d+/g, 'N')}`;
      if (!findings.has(key)) {
        mkdirSync('build/fuzz', { recursive: true });
        const file = `build/fuzz/${door.name}-${findings.size}${input instanceof Uint8Array ? '' : '.txt'}`;
        writeFileSync(file, input instanceof Uint8Array ? input : mutator.show(input));
        findings.set(key, file);
        console.error(`${door.name} ${what}: ${file}\n${stack}\n`);
      }
    }
    if (door.isOutside || options.fixed) continue;
    if (!isSeed) batch.push(input);
    if (runs < seeds.length - 1 || runs % BATCH) continue;
    if ((await newBlocks()) > 0) corpus.push(...batch);
    batch = [];
  }
  console.info(`fuzz: ${door.name}: ${runs} inputs, ${refused} refused, ${corpus.length - seeds.length} kept`);
}
const reached = options.fixed ? '' : `${seen.size} blocks, `;
console.info(
  `fuzz: ${reached}${findings.size} findings, seed ${seed}, at most ${slowest.toFixed(0)} ms of processor time`,
);
process.exit(findings.size ? 1 : 0);
