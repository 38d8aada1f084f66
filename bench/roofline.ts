import { mkdir, writeFile } from 'node:fs/promises';
import { createWindowAttention } from 'flash-window-attention';
import { machine } from './machine.js';
import { peakGflops } from './peak.js';
import { type BenchExports, benchExports } from './sides/standard.js';

// npm run bench:roofline: where the forward kernel's time goes, and how it grows with B, L and D.

interface Phases extends BenchExports {
  packPhase(...args: number[]): void;
  scorePhase(...args: number[]): void;
  softmaxPhase(...args: number[]): void;
  valuePhase(...args: number[]): void;
}

const kernel = (await benchExports()) as Phases;
const peak = await peakGflops();
const lines = ['# Roofline, forward, one thread', '', 'Made by `npm run bench:roofline`.', ''];
for (const [key, value] of Object.entries(machine())) lines.push(`- ${key}: ${value}`);
lines.push(`- peak of multiplications and additions in registers: ${peak.toFixed(1)} GFLOP/s`, '');

lines.push('## Phases of one window and head in the cache', '');
lines.push('| L, D | phase | ns | share | GFLOP/s | of peak |', '|---|---|---:|---:|---:|---:|');
for (const [L, D] of [
  [49, 32],
  [64, 32],
  [64, 64],
  [16, 64],
  [64, 256],
] as const)
  lines.push(...phaseRows(L, D));

lines.push('', '## Whole calls, tensors in the kernel memory', '');
lines.push('| B, H, L, D | ms | GFLOP/s | of peak |', '|---|---:|---:|---:|');
const series = [
  ...[1, 2, 4, 16, 64, 256].map((B) => [B, 4, 64, 64] as const),
  ...[4, 9, 16, 25, 36, 49, 64, 100, 144, 256].map((L) => [16, 4, L, 32] as const),
  ...[4, 8, 16, 32, 59, 64, 128, 256].map((D) => [16, 4, 49, D] as const),
];
for (const [B, H, L, D] of series) {
  const ms = await wholeCall(B, H, L, D);
  const gflops = (4 * B * H * L * L * D) / ms / 1e6;
  lines.push(`| ${B}, ${H}, ${L}, ${D} | ${ms.toPrecision(3)} | ${gflops.toFixed(1)} | ${percent(gflops / peak)} |`);
}
console.log(lines.join('\n'));
const directory = new URL('../results/', import.meta.url);
await mkdir(directory, { recursive: true });
await writeFile(new URL('roofline.md', directory), `${lines.join('\n')}\n`);

function phaseRows(L: number, D: number): string[] {
  let top = Math.ceil(kernel.heapBase() / 64) * 64;
  const allocate = (floats: number) => {
    const pointer = top;
    top = Math.ceil((top + 4 * floats + 64) / 64) * 64;
    return pointer;
  };
  const [rows, columns] = [Math.ceil(L / 8) * 8, Math.ceil(D / 8) * 8];
  const [q, k, v, o] = [allocate(L * D), allocate(L * D), allocate(L * D), allocate(L * D)];
  const [keys, tail, values] = [allocate(rows * columns), allocate(4 * columns), allocate(L * columns)];
  const [bias, s, inverse] = [allocate(L * L), allocate(4 * rows), allocate(8)];
  const missing = Math.ceil(top / 65536) - kernel.memory.buffer.byteLength / 65536;
  if (missing > 0) kernel.memory.grow(missing);
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
    const gflops = count / ns;
    const rates = count > 0 ? `${gflops.toFixed(1)} | ${percent(gflops / peak)}` : ' | ';
    return `| ${L}, ${D} | ${name} | ${ns.toFixed(0)} | ${percent(ns / total)} | ${rates} |`;
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
