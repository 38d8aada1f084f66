// Writes the README's figures from the tables in bench/results: node scripts/figures.mjs --write. Without it, says whether
// they are in step.
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * @typedef {{ name: string, milliseconds: number, ratio: number }} Side
 * @typedef {{ shape: string, sides: Side[] }} Result
 * @typedef {{ machine: Record<string, string>, figures: unknown }} Report
 * @typedef {[figure: string, value: string]} Row
 */

const ROOT = new URL('../', import.meta.url);
const MARKERS = /(<!-- figures[^>]*-->\n)[\s\S]*?(<!-- \/figures -->)/;
const AGAINST = {
  'onnxruntime-web': 'onnxruntime-web, the best of its graphs',
  'onnxruntime-node': 'native onnxruntime-node, the best of its graphs',
  'standard attention, same tiles': 'unfused attention with the same matrix tiles',
  'tfjs-wasm': 'TensorFlow.js on WebAssembly',
  'reference, float64': 'the float64 reference in TypeScript',
};

/** Each report, and the rows of the README's table that it gives. @type {[name: string, rowsOf: (figures: any) => Row[]][]} */
const REPORTS = [
  ['windowAttention', ({ results }) => rowsAgainst('attention, forward', results)],
  ['windowAttentionBackward', ({ results }) => rowsAgainst('attention, forward and backward', results)],
  [
    'shiftedWindowAttention',
    ({ results }) =>
      rowOf(
        'shifted windows of images: roll, partition, permute and back around the same kernel',
        bestOf(results, 'roll'),
      ),
  ],
  [
    'threads',
    (figures) => [
      ...rowOf('attention, forward: two threads, tensors in kernel memory', threads(figures, 'kernel')),
      ...rowOf('attention, forward: two threads, tensors in JavaScript’s memory', threads(figures, 'JavaScript')),
    ],
  ],
  [
    'linear',
    ({ results }) => [
      ...rowOf('linear layers of Swin-T: onnxruntime-web', bestOf(results, 'onnxruntime-web')),
      ...rowOf(
        'linear layers of Swin-T: int8 in place of float32',
        bestOf(results, 'flash int8', 'flash, kernel memory'),
      ),
    ],
  ],
  ['swin', modelRows],
  ['swinRelaxed', modelRows],
  [
    'swinLayers',
    (/** @type {Side[]} */ sides) =>
      sides.slice(1).map((side) => [`Swin-T with unfused attention in our own engine`, times(side.ratio)]),
  ],
];

/** @param {string} work @param {Result[]} results @returns {Row[]} */
function rowsAgainst(work, results) {
  return Object.entries(AGAINST).flatMap(([prefix, title]) => rowOf(`${work}: ${title}`, bestOf(results, prefix)));
}

/** A row of the range of ratios, none without any. @param {string} figure @param {number[]} ratios @returns {Row[]} */
function rowOf(figure, ratios) {
  return ratios.length > 0 ? [[figure, spread(ratios)]] : [];
}

/**
 * The least time, over that of `flash` or of another side, of the sides whose names begin so; of every shape that has some.
 * @param {Result[]} results
 * @param {string} prefix
 */
function bestOf(results, prefix, base = 'flash') {
  return results.flatMap(({ sides }) => {
    const own = sides.filter(({ name }) => name.startsWith(prefix)).map(({ ratio }) => ratio);
    const over = sides.find(({ name }) => name === base);
    return own.length > 0 && over ? [Math.min(...own) / over.ratio] : [];
  });
}

/** @param {{ memory: string, ratio: number, shape: string }[]} figures @param {string} memory */
function threads(figures, memory) {
  // A call that is too short to share stays in one thread.
  const shared = figures.filter((figure) => figure.memory === memory && !figure.shape.startsWith('tiny'));
  return shared.map(({ ratio }) => 1 / ratio);
}

/**
 * Sides of one thread, beside the first.
 * @param {{ title: string, sides: (Side & { peak: number })[] }[]} models
 * @returns {Row[]}
 */
function modelRows(models) {
  return models.flatMap(({ title, sides }) => {
    const alone = sides.filter(({ name }) => name.endsWith(', 1 thread'));
    const [own, ...others] = /** @type {[Side & { peak: number }, ...(Side & { peak: number })[]]} */ (alone);
    return [
      [`${title}: ${named(own)}, an image`, `${own.milliseconds.toFixed(0)} ms, ${own.peak.toFixed(0)} MiB`],
      ...others.map(
        ({ name, ratio, peak }) =>
          /** @type {Row} */ ([`${title}: ${named({ name })}`, `${times(ratio)}, ${peak.toFixed(0)} MiB`]),
      ),
    ];
  });
}

/** @param {{ name: string }} side */
function named({ name }) {
  return name.replace(', 1 thread', '').replace('flash', 'this library');
}

/** @param {number[]} ratios */
function spread(ratios) {
  const [least, most] = [times(Math.min(...ratios)), times(Math.max(...ratios))];
  return least === most ? least : `${least.slice(0, -1)} to ${most}`;
}

/** @param {number} ratio */
function times(ratio) {
  return `${ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0)}×`;
}

/** The README's table. @param {(name: string) => Report | undefined} reportOf */
export function renderFigures(reportOf) {
  const rows = REPORTS.flatMap(([name, rowsOf]) => {
    const report = reportOf(name);
    if (!report) return [];
    const { processor, runtime, commit, date } = report.machine;
    const source = [processor, runtime?.split(',')[0], commit, date].join(', ');
    return rowsOf(report.figures).map(([figure, value], i) => {
      return `| ${figure} | ${value} | ${i === 0 ? `[${source}](bench/results/${name}.md)` : '″'} |`;
    });
  });
  return ['| one thread unless said | time over ours | table |', '|---|---:|---|', ...rows, ''].join('\n');
}

/** @param {string} readme @param {string} figures */
export function withFigures(readme, figures) {
  if (!MARKERS.test(readme)) throw new Error('README.md has no <!-- figures --> … <!-- /figures -->');
  return readme.replace(MARKERS, (_, start, end) => start + figures + end);
}

/** The report of bench/results, undefined where it was never made. @param {string} name @returns {Report | undefined} */
export function storedReport(name) {
  try {
    return JSON.parse(readFileSync(new URL(`bench/results/${name}.json`, ROOT), 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

if (process.argv[1] === import.meta.filename) {
  const path = new URL('README.md', ROOT);
  const readme = readFileSync(path, 'utf8');
  const updated = withFigures(readme, renderFigures(storedReport));
  if (process.argv.includes('--write')) writeFileSync(path, updated);
  else if (updated !== readme) {
    console.error('README.md is not in step with bench/results: npm run figures -- --write');
    process.exitCode = 1;
  }
}
