// Changes one constant, operator, condition or statement of the library's TypeScript at a time, and tells which changes the
// tests of that part do not see. Stryker, which does the same, needs Node 22 at least.
// node scripts/mutateSources.mjs [--sample 40] [--from 0] [--seed n] [--files REGEXP] [--quick] [--list] | --named
// --from leaves out so many of the sample's first, --quick the tests that what survives the first ones meets; --list runs
// none. --named takes the mutants of scripts/namedMutants.json, each of which must die. The report goes to build/mutants.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { drawn, mutantsOf, placeOf } from './mutants.mjs';

/** Seconds of processor time of one mutant's tests: a loop that it makes endless ends then. */
const SECONDS = 600;
/** Sources, the tests that see most of their mutants in seconds, and those that what survives meets. @type {readonly [RegExp, string[], string[]][]} */
const TESTS = [
  [
    /^src\/reference\//,
    ['windowAttention', 'shiftedWindow', 'windowPartition', 'oracle.test'],
    ['flashWindow', 'linear', 'gelu', 'products', 'swin.test', 'check.test', 'upstreamReal'],
  ],
  [
    /^src\/oracle\/(verdict|tally|tallier|errorBins|compare|precision|floatFormats|judge|checkCase|exactUnit|rounded|expected|windowCase|imageCase)/,
    ['verdict', 'oracle.test', 'precision'],
    ['judging', 'check.test', 'sequentialRounding', 'publicArguments'],
  ],
  [
    /^src\/(arguments|tensor)\//,
    ['windowAttention', 'shiftedWindow', 'half.test', 'createWindowAttention'],
    [
      'publicArguments',
      'half',
      'lifetimes',
      'linearInt8',
      'zip',
      'decodeImage',
      'safetensors',
      'oracle.test',
      'products',
    ],
  ],
  [/^src\/swin\/(preprocess|resize|timmPreprocessor)/, ['preprocess', 'resize'], ['swin.test']],
  [
    /^src\/(kernel|attention)\//,
    ['windowAttention', 'shiftedWindow', 'createWindowAttention'],
    [
      'halfInputs',
      'bandParts',
      'memory',
      'engineModel',
      'lifetimes',
      'threads',
      'kernelModule',
      'abortListeners',
      'layerInputs',
      'half',
      'swin.test',
    ],
  ],
  [/^src\/swin\/stateDict/, ['stateDict'], ['swin.test', 'pretrained']],
];

const { values: options } = parseArgs({
  options: {
    sample: { type: 'string', default: '40' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    files: { type: 'string', default: '.' },
    named: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.ts') && testsOf(path).length > 0 && new RegExp(options.files).test(path));
const byFile = sources.map((file) => mutantsOf(file, readFileSync(file, 'utf8'))).filter(({ length }) => length > 0);
const mutants = options.named
  ? named()
  : drawn(byFile, Number(options.sample), Number(options.seed)).slice(Number(options.from));
const total = byFile.reduce((sum, { length }) => sum + length, 0);
console.info(`mutants: ${mutants.length} of ${total} in ${byFile.length} files, seed ${options.seed}`);
if (options.list) {
  for (const mutant of mutants) console.info(placeOf(mutant, readFileSync(mutant.file, 'utf8')));
  process.exit();
}

const SANDBOX = mkdtempSync(join(tmpdir(), 'mutants-'));
for (const path of ['src', 'test', 'build', 'models', 'examples', 'assembly', 'package.json', 'tsconfig.json']) {
  cpSync(path, `${SANDBOX}/${path}`, {
    recursive: true,
    filter: (from) => !/node_modules|^build\/(mutants|fuzz|checked)|^test\/golden$/.test(from),
  });
}
symlinkSync(resolve('node_modules'), `${SANDBOX}/node_modules`);
symlinkSync(resolve('test/golden'), `${SANDBOX}/test/golden`);
// Without the check that build/ is as new as src/, which is what mutants change.
writeFileSync(
  `${SANDBOX}/vitest.config.ts`,
  "export default { test: { include: ['test/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000, setupFiles: ['test/support/seed.ts'] } };\n",
);

/** Tests that pass on the sources themselves: what else fails on a mutant says nothing of it. @type {Set<string>} */
const passing = new Set();
const outcomes = mutants.map((mutant) => {
  const source = readFileSync(mutant.file, 'utf8');
  let outcome = 'survived';
  for (const tests of testsOf(mutant.file)) {
    if (!passing.has(tests.join())) {
      const { status, stdout, stderr } = run(tests);
      if (status !== 0) throw new Error(`${tests.join(', ')} fail without a mutant:\n${stdout}${stderr}`);
      passing.add(tests.join());
    }
    writeFileSync(`${SANDBOX}/${mutant.file}`, source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end));
    const { status, signal } = run(tests);
    writeFileSync(`${SANDBOX}/${mutant.file}`, source);
    if (status === 0) continue;
    outcome = signal ? 'killed (endless)' : 'killed';
    break;
  }
  console.info(`${outcome}: ${placeOf(mutant, source)}`);
  return { ...mutant, outcome };
});

const survived = outcomes.filter(({ outcome }) => outcome === 'survived').length;
rmSync(SANDBOX, { recursive: true, force: true });
mkdirSync('build/mutants', { recursive: true });
writeFileSync('build/mutants/sources.json', JSON.stringify(outcomes, null, 1));
console.info(`mutants: ${outcomes.length - survived} of ${outcomes.length} killed, seed ${options.seed}`);
if (options.named && survived > 0) process.exitCode = 1;

/** @param {string[]} tests */
function run(tests) {
  const vitest = ['node', 'node_modules/vitest/vitest.mjs', 'run', '--bail', '1', ...tests];
  return spawnSync('bash', ['-c', `ulimit -t ${SECONDS}; exec "$@"`, 'bash', ...vitest], {
    cwd: SANDBOX,
    encoding: 'utf8',
    env: { ...process.env, FC_SEED: '1', FC_NUM_RUNS: '20' },
  });
}

/** Lists of tests, the quick ones first. @param {string} file */
function testsOf(file) {
  const [, ...lists] = TESTS.find(([pattern]) => pattern.test(file)) ?? [];
  return lists
    .slice(0, options.quick ? 1 : 2)
    .filter(({ length }) => length > 0)
    .map((names) => names.map((name) => `test/${name}`));
}

/** @returns {import('./mutants.mjs').Mutant[]} */
function named() {
  /** @type {{ file: string, was: string, text: string }[]} */
  const list = JSON.parse(readFileSync('scripts/namedMutants.json', 'utf8'));
  return list.map(({ file, was, text }) => {
    const source = readFileSync(file, 'utf8');
    const start = source.indexOf(was);
    if (start < 0 || source.includes(was, start + 1)) throw new Error(`${file} expected to hold once: ${was}`);
    return { file, start, end: start + was.length, text, kind: 'named' };
  });
}
