import { createWindowAttention } from 'flash-window-attention';
import { Arena } from './arena.js';
import { Peak } from './peak.js';
import { writeReport } from './report.js';
import { type BenchExports, benchExports } from './sides/standard.js';

// npm run bench:roofline: where the forward kernel's time goes, and how it grows with B, L and D.

interface Phases extends BenchExports {
  packPhase(...args: number[]): void;
  scorePhase(...args: number[]): void;
  softmaxPhase(...args: number[]): void;
  valuePhase(...args: number[]): void;
}

const kernel = (await benchExports()) as Phases;
const WINDOWS = [
  [49, 32],
  [64, 32],
  [64, 64],
  [16, 64],
  [64, 256],
] as const;
const CALLS = [
  ...[1, 2, 4, 16, 64, 256].map((B) => [B, 4, 64, 64] as const),
  ...[4, 9, 16, 25, 36, 49, 64, 100, 144, 256].map((L) => [16, 4, L, 32] as const),
  ...[4, 8, 16, 32, 59, 64, 128, 256].map((D) => [16, 4, 49, D] as const),
];

const samples = await Peak.create();
const windows = WINDOWS.map(([L, D]) => {
  samples.sample();
  return { L, D, phases: phasesOf(L, D) };
});
const calls: { readonly shape: string; readonly ms: number; readonly gflops: number }[] = [];
for (const [B, H, L, D] of CALLS) {
  const ms = await wholeCall(B, H, L, D);
  calls.push({ shape: `${B}, ${H}, ${L}, ${D}`, ms, gflops: (4 * B * H * L * L * D) / ms / 1e6 });
}
const peak = samples.sample();

const sections = [
  {
    heading: 'Phases of one window and head in the cache',
    columns: ['L, D and phase', 'ns', 'share', 'GFLOP/s', 'of peak'],
    rows: windows.flatMap(({ L, D, phases }) => phases.map((phase) => phaseRow(`${L}, ${D}`, phase))),
  },
  {
    heading: 'Whole calls, tensors in the kernel memory',
    columns: ['B, H, L, D', 'ms', 'GFLOP/s', 'of peak'],
    rows: calls.map(({ shape, ms, gflops }) => [shape, ms.toPrecision(3), gflops.toFixed(1), percent(gflops / peak)]),
  },
];
for (const { columns, rows } of sections) console.log([columns, ...rows].map((row) => row.join('\t')).join('\n'));
const about =
  'Made by `npm run bench:roofline`.\n' +
  `Most that separate multiplications and additions in registers reached in the run: ${peak.toFixed(1)} GFLOP/s.`;
await writeReport('roofline', 'Roofline, forward, one thread', about, sections, { peak, windows, calls });

interface Phase {
  readonly name: string;
  readonly flops: number;
  readonly ns: number;
  /** Of the whole. */
  readonly share: number;
}

function phaseRow(shape: string, { name, flops, ns, share }: Phase): string[] {
  const gflops = flops / ns;
  const rates = flops > 0 ? [gflops.toFixed(1), percent(gflops / peak)] : ['', ''];
  return [`${shape}: ${name}`, ns.toFixed(0), percent(share), ...rates];
}

function phasesOf(L: number, D: number): Phase[] {
  const arena = new Arena(kernel);
  const allocate = (floats: number) => arena.allocate(floats);
  const [rows, columns] = [Math.ceil(L / 8) * 8, Math.ceil(D / 8) * 8];
  const [q, k, v, o] = [allocate(L * D), allocate(L * D), allocate(L * D), allocate(L * D)];
  const [keys, tail, values] = [allocate(rows * columns), allocate(4 * columns), allocate(L * columns)];
  const [bias, s, inverse] = [allocate(L * L), allocate(4 * rows), allocate(8)];
  arena.grow();
  new Float32Array(kernel.memory.buffer, q, (keys - q) / 4).forEach((_, i, all) => {
    all[i] = Math.sin(i);
  });
  const flops = 2 * L * L * D;
  const phases = [
    { name: 'pack K and V', flops: 0, run: (n: number) => kernel.packPhase(n, L, D, k, v, keys, tail, values) },
    { name: 'Q Kᵀ + bias', flops, run: (n: number) => kernel.scorePhase(n, L, D, q, keys, tail, bias, s) },
    { name: 'softmax', flops: 0, run: (n: number) => kernel.softmaxPhase(n, L, s, inverse) },
    { name: 'P V', flops, run: (n: number) => kernel.valuePhase(n, L, D, s, values, inverse, o) },
  ].map((phase) => ({ ...phase, ns: nanoseconds(phase.run) }));
  const total = phases.reduce((sum, { ns }) => sum + ns, 0);
  return [...phases, { name: 'all', flops: 2 * flops, ns: total }].map(({ name, flops: count, ns }) => {
    return { name, flops: count, ns, share: ns / total };
  });
}

/** Best time of one repetition: these run alone, and what disturbs them only slows them. */
function nanoseconds(run: (count: number) => void): number {
  let count = 16;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    run(count);
    const elapsed = performance.now() - start;
    if (elapsed < 4) count *= 2;
    else best = Math.min(best, (1e6 * elapsed) / count);
  }
  return best;
}

async function wholeCall(B: number, H: number, L: number, D: number): Promise<number> {
  const attention = await createWindowAttention({ backend: 'wasm' });
  const tensor = (...dims: number[]) => {
    const made = attention.tensor(dims);
    made.data.forEach((_, i, data) => {
      data[i] = Math.sin(i);
    });
    return made;
  };
  const dims = [B, H, L, D];
  const args = {
    q: tensor(...dims),
    k: tensor(...dims),
    v: tensor(...dims),
    bias: tensor(H, L, L),
    out: tensor(...dims),
  };
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 20 || performance.now() - begin < 500) {
    const start = performance.now();
    await attention.forward(args);
    times.push(performance.now() - start);
  }
  await attention.dispose();
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
