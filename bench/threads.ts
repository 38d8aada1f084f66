import { writeFile } from 'node:fs/promises';
import { machine } from './machine.js';
import { measure, ratio, type Timing } from './measure.js';
import { makeProblem } from './problem.js';
import { SHAPES, title } from './shapes.js';
import { flashSide } from './sides/flash.js';

// npm run bench:threads: one thread against two, tensors from JavaScript and in the kernel's memory.

const ROUNDS = 9;
const TINY = { name: 'tiny', B: 1, H: 1, L: 16, D: 16, nW: 0 };
const NAMES = ['Swin-T stage 1', 'Swin-T stage 2', 'Swin-T stage 3', 'Swin-T stage 4', 'report, L = 64'];
const shapes = [TINY, ...NAMES.map((wanted) => SHAPES.find(({ name }) => name === wanted) ?? TINY)];

const rows: string[] = [];
for (const shape of shapes) {
  const problem = makeProblem(shape);
  for (const inKernelMemory of [false, true]) {
    const sides = await Promise.all(
      [1, 2].map((threads) => flashSide(`${threads}`, problem, { backend: 'wasm', threads }, inKernelMemory)),
    );
    const [one, two] = (await measure(sides, ROUNDS)) as [Timing, Timing];
    const cells = [
      title(shape),
      inKernelMemory ? 'kernel' : 'JavaScript',
      (1e3 * one.median).toPrecision(3),
      (1e3 * two.median).toPrecision(3),
      `${ratio(two, one).toFixed(2)}×`,
    ];
    rows.push(`| ${cells.join(' | ')} |`);
    console.log(rows.at(-1));
    for (const side of sides) await side.dispose();
  }
}
const lines = [
  '# Two threads against one, forward',
  '',
  'Medians of interleaved rounds, made by `npm run bench:threads`: milliseconds.',
  '',
  ...Object.entries(machine()).map(([key, value]) => `- ${key}: ${value}`),
  '',
  '| (B, H, L, D) | tensors in memory of | one thread | two threads | two are faster |',
  '|---|---|---:|---:|---:|',
  ...rows,
  '',
];
await writeFile(new URL('../results/threads.md', import.meta.url), lines.join('\n'));
