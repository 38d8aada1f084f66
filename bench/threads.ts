import { measure, ratio, type Timing } from './measure.js';
import { makeProblem } from './problem.js';
import { writeReport } from './report.js';
import { SHAPES, title } from './shapes.js';
import { flashSide } from './sides/flash.js';

// npm run bench:threads: one thread against two, tensors from JavaScript and in the kernel's memory.

const TINY = { name: 'tiny', B: 1, H: 1, L: 16, D: 16, nW: 0 };
const NAMES = ['Swin-T stage 1', 'Swin-T stage 2', 'Swin-T stage 3', 'Swin-T stage 4', 'report, L = 64'];
const shapes = [TINY, ...NAMES.map((wanted) => SHAPES.find(({ name }) => name === wanted) ?? TINY)];

const figures: { shape: string; memory: string; one: number; two: number; ratio: number }[] = [];
for (const shape of shapes) {
  const problem = makeProblem(shape);
  for (const inKernelMemory of [false, true]) {
    const sides = await Promise.all(
      [1, 2].map((threads) => flashSide(`${threads}`, problem, { backend: 'wasm', threads }, inKernelMemory)),
    );
    const [one, two] = (await measure(sides)) as [Timing, Timing];
    figures.push({
      shape: title(shape),
      memory: inKernelMemory ? 'kernel' : 'JavaScript',
      one: 1e3 * one.median,
      two: 1e3 * two.median,
      ratio: ratio(two, one),
    });
    console.log(figures.at(-1));
    for (const side of sides) await side.dispose();
  }
}
await writeReport(
  'threads',
  'Two threads against one, forward',
  'Medians of interleaved rounds, made by `npm run bench:threads`: milliseconds.',
  [
    {
      columns: ['(B, H, L, D), tensors in memory of', 'one thread', 'two threads', 'two are faster'],
      rows: figures.map(({ shape, memory, one, two, ratio }) => [
        `${shape}, ${memory}`,
        one.toPrecision(3),
        two.toPrecision(3),
        `${ratio.toFixed(2)}×`,
      ]),
    },
  ],
  figures,
);
