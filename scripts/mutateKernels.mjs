// Changes one constant, bound, offset, operator or statement of a kernel at a time, and tells which changes no test sees.
// node scripts/mutateKernels.mjs [--sample 60] [--from 0] [--seed n] [--files REGEXP] [--quick] [--list]
// A mutant is built and meets build/mutants/killKernels.mjs; what survives meets the kernels' suites on a build whose loads
// and stores are checked. --from leaves out so many of the sample's first, --quick the suites; --list builds nothing. The
// report goes to build/mutants/report.json.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';
import { buildSync } from 'esbuild';
import { drawn, mutantsOf, placeOf } from './mutants.mjs';

/** Seconds of processor time of the two tests: a loop that a mutant makes endless ends then. */
const QUICK_SECONDS = 60;
const SUITE_SECONDS = 900;
const SUITES = [
  'test/checked',
  'windowAttention',
  'shiftedWindow',
  'linear',
  'exp',
  'gelu',
  'float64',
  'half',
  'swin.test',
];
const FLAGS = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'bulk-memory'];
const MEMORY = ['--importMemory', '--initialMemory', '1', '--maximumMemory', '65535', '--disableWarning', '112'];
const DIRECTORY = 'build/mutants';
const SANDBOX = `${DIRECTORY}/sandbox`;

const { values: options } = parseArgs({
  options: {
    sample: { type: 'string', default: '60' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    files: { type: 'string', default: '.' },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

// The oracle's products have the bits of TypeScript's in their own test, and are in neither module.
const sources = [
  ...readdirSync('assembly').map((file) => `assembly/${file}`),
  'build/assembly/tiles.ts',
  'build/assembly/linearTiles.ts',
].filter((file) => !file.endsWith('/products.ts') && new RegExp(options.files).test(file));
const byFile = sources.map((file) => mutantsOf(file, readFileSync(file, 'utf8'))).filter(({ length }) => length > 0);
const total = byFile.reduce((sum, { length }) => sum + length, 0);
console.info(`mutants: ${total} in ${byFile.length} files, a sample of ${options.sample}, seed ${options.seed}`);

const sample = drawn(byFile, Number(options.sample), Number(options.seed)).slice(Number(options.from));
const kill = `${DIRECTORY}/killKernels.mjs`;
if (!options.list) {
  mkdirSync(DIRECTORY, { recursive: true });
  const bundle = /** @type {const} */ ({ bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  buildSync({ ...bundle, entryPoints: ['test/support/killKernels.ts'], outfile: kill, external: ['fast-check', '#*'] });
  await build();
  const { status, stderr } = quick();
  if (status !== 0) throw new Error(`the kernels themselves fail: ${stderr}`);
}
/** @type {(import('./mutants.mjs').Mutant & { where: string, outcome: string })[]} */
const report = [];
for (const mutant of options.list ? [] : sample) {
  const outcome = (await build(mutant)) ? verdict(mutant) : 'invalid';
  const where = placeOf(mutant, readFileSync(mutant.file, 'utf8'));
  report.push({ ...mutant, where, outcome });
  console.info(`${outcome}: ${where}`);
}
if (options.list) for (const mutant of sample) console.info(placeOf(mutant, readFileSync(mutant.file, 'utf8')));
else summarize();

/** @param {import('./mutants.mjs').Mutant} mutant */
function verdict(mutant) {
  const { status, signal } = quick();
  if (signal || status === null) return 'killed (endless)';
  if (status !== 0) return 'killed';
  if (options.quick) return 'survived';
  return suites(mutant) ? 'survived' : 'killed by the suites';
}

function quick() {
  return limited(QUICK_SECONDS, '.', ['node', kill, DIRECTORY]);
}

/** Whether the suites pass on the mutant, in a copy of the sources. @param {import('./mutants.mjs').Mutant} mutant */
function suites(mutant) {
  rmSync(SANDBOX, { recursive: true, force: true });
  mkdirSync(`${SANDBOX}/build`, { recursive: true });
  const copied = [
    'src',
    'test',
    'assembly',
    'scripts',
    'models',
    'package.json',
    'tsconfig.json',
    'vitest.checked.config.ts',
  ];
  for (const path of [...copied, 'build/assembly', 'build/wasm', 'build/worker', 'build/codecs']) {
    cpSync(path, `${SANDBOX}/${path}`, { recursive: true, filter: (from) => !from.includes('node_modules') });
  }
  symlinkSync('../../../node_modules', `${SANDBOX}/node_modules`);
  writeFileSync(`${SANDBOX}/${mutant.file}`, mutated(mutant));
  for (const name of ['simd', 'model-simd']) cpSync(`${DIRECTORY}/${name}.wat`, `${SANDBOX}/build/wasm/${name}.wat`);
  execFileSync('node', ['scripts/checkKernels.mjs'], { cwd: SANDBOX });
  const vitest = [
    'node',
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'vitest.checked.config.ts',
    '--bail',
    '1',
  ];
  return (
    limited(SUITE_SECONDS, SANDBOX, [...vitest, ...SUITES], {
      FC_SEED: '1',
      FC_NUM_RUNS: '40',
      CHECKED_SHAPES: '100',
      // A mutant is newer than the build, by intent.
      CI: '',
    }).status === 0
  );
}

/** @param {number} seconds @param {string} cwd @param {string[]} command @param {Record<string, string>} [env] */
function limited(seconds, cwd, command, env = {}) {
  const script = `ulimit -t ${seconds}; exec "$@"`;
  return spawnSync('bash', ['-c', script, 'bash', ...command], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

/** Compiles both modules, one source exchanged. @param {import('./mutants.mjs').Mutant} [mutant] */
async function build(mutant) {
  for (const [entry, name] of [
    ['assembly/index.ts', 'simd'],
    ['assembly/model.ts', 'model-simd'],
  ]) {
    const outputs = ['-o', `${DIRECTORY}/${name}.wasm`, '-t', `${DIRECTORY}/${name}.wat`];
    const { error } = await asc.main([/** @type {string} */ (entry), ...MEMORY, ...FLAGS, ...outputs], {
      stderr: asc.createMemoryStream(),
      readFile: (path) => {
        if (mutant?.file === path.replace(/^\.\//, '')) return mutated(mutant);
        try {
          return readFileSync(path, 'utf8');
        } catch {
          return null;
        }
      },
    });
    if (error) return false;
  }
  return true;
}

/** @param {import('./mutants.mjs').Mutant} mutant */
function mutated({ file, start, end, text }) {
  const source = readFileSync(file, 'utf8');
  return source.slice(0, start) + text + source.slice(end);
}

function summarize() {
  const count = (/** @type {RegExp} */ outcome) => report.filter((mutant) => outcome.test(mutant.outcome)).length;
  const [killed, survived, invalid] = [count(/^killed/), count(/^survived/), count(/^invalid/)];
  writeFileSync(`${DIRECTORY}/report.json`, JSON.stringify(report, null, 1));
  const rate = ((100 * killed) / Math.max(1, killed + survived)).toFixed(0);
  console.info(
    `mutants: ${killed} of ${killed + survived} killed (${rate}%), ${invalid} do not compile, seed ${options.seed}`,
  );
}
