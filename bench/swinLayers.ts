import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createWindowAttention } from 'flash-window-attention';
import { shiftedWindowMask } from 'flash-window-attention/reference';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { Arena } from './arena.js';
import { machine } from './machine.js';
import { measure, ratio, type Timing } from './measure.js';
import { partition, permute, reverse, roll, unpermute } from './partition.js';
import { pixelsOf } from './randomSwin.js';
import type { Side } from './side.js';
import { benchExports } from './sides/standard.js';
import { writeSwinModel } from './swinModel.js';

// npm run bench:swin: where a Swin-T's time goes, and what it takes with unfused standard attention
// instead of flash window attention: the report's end-to-end claim. One thread.

/** What this file uses of the library's inside, which has no entry point. */
interface Inside {
  readonly KernelModel: {
    new (): Model;
    create(core: unknown, architecture: unknown, weights: unknown): Promise<Model>;
  };
  coreOf(attention: unknown): unknown;
  checkTensor(name: string, tensor: object): unknown;
  checkConfig(config: unknown): unknown;
  readWeights(dict: unknown, architecture: unknown, request: 'classifier'): unknown;
  readonly StateDict: new (tensors: unknown) => unknown;
}

interface Model {
  forward(pixelValues: unknown, hasHiddenStates: boolean): Promise<{ logits: { data: Float32Array } }>;
  attend(call: unknown, args: AttendArgs, out: { readonly data: Float32Array }): Promise<void>;
  step(call: unknown, prepare: () => { kernel: string }): Promise<void>;
}

interface AttendArgs {
  readonly Himg: number;
  readonly C: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly grid: {
    readonly windowSize: readonly [number, number];
    readonly shiftSize: readonly [number, number];
    readonly L: number;
  };
  readonly qkv: { readonly data: Float32Array };
  readonly relativePositionBias: { readonly data: Float32Array };
}

const inside = (await Promise.all(
  [
    'swin/kernelModel.js',
    'attention/engine.js',
    'swin/config.js',
    'swin/weights.js',
    'swin/stateDict.js',
    'tensor/check.js',
  ].map((path) => import(new URL(`../../build/${path}`, import.meta.url).href)),
).then((modules) => Object.assign({}, ...modules))) as Inside;

const { directory, size } = await writeSwinModel('swin-t');
const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
const { tensors } = readSafetensors(await readFile(join(directory, 'model.safetensors')));
const architecture = inside.checkConfig(config);
const pixels = pixelsOf(size);
const bench = await benchExports();
const arena = new Arena(bench);

/** Milliseconds by kernel, since `times` was cleared. */
const times = new Map<string, number>();

class TimedModel extends inside.KernelModel {
  override async step(call: unknown, prepare: () => { kernel: string }): Promise<void> {
    const start = performance.now();
    let name = '';
    await super.step(call, () => {
      const job = prepare();
      name = job.kernel;
      return job;
    });
    times.set(name, (times.get(name) ?? 0) + performance.now() - start);
  }
}

/** Roll, partition, permute, then S = qkᵀ, + bias, + mask, softmax and PV in passes of their own, and back. */
class StandardModel extends TimedModel {
  override async attend(_call: unknown, checked: AttendArgs, out: { readonly data: Float32Array }): Promise<void> {
    const { Himg, C, numHeads, headDim, grid, ...args } = checked;
    const start = performance.now();
    const [window] = grid.windowSize;
    const [shift] = grid.shiftSize;
    const { L } = grid;
    const place = placeOf(Himg, C, numHeads, L, shift, window);
    const windows = partition(roll(args.qkv.data, Himg, 3 * C, -shift), Himg, 3 * C, window);
    const floats = new Float32Array(bench.memory.buffer);
    for (const [part, pointer] of [place.q, place.k, place.v].entries()) {
      floats.set(permute(windows, L, numHeads, headDim, part), pointer / 4);
    }
    floats.set(args.relativePositionBias.data, place.bias / 4);
    const count = (Himg / window) ** 2;
    const { q, k, v, bias, mask, o, s, scaled, scratch } = place;
    const nW = mask ? count : 1;
    const scale = headDim ** -0.5;
    bench.standardAttention(
      0,
      count * numHeads,
      numHeads,
      L,
      headDim,
      nW,
      q,
      k,
      v,
      bias,
      mask,
      o,
      scale,
      s,
      scaled,
      scratch,
    );
    const merged = unpermute(floats.slice(o / 4, o / 4 + Himg * Himg * C), L, numHeads, headDim);
    out.data.set(roll(reverse(merged, Himg, C, window), Himg, C, shift));
    times.set('attention', (times.get('attention') ?? 0) + performance.now() - start);
  }
}

type Place = Record<'q' | 'k' | 'v' | 'o' | 's' | 'scaled' | 'bias' | 'mask' | 'scratch', number>;
const places = new Map<string, Place>();

/** Arrays of a stage, and its mask, made once. */
function placeOf(H: number, C: number, numHeads: number, L: number, shift: number, window: number): Place {
  const key = `${H} ${shift}`;
  const known = places.get(key);
  if (known) return known;
  const length = H * H * C;
  const count = (H / window) ** 2;
  const padded = Math.ceil(L / 8) * 8;
  const allocate = (floats: number) => arena.allocate(floats);
  const place = {
    q: allocate(length),
    k: allocate(length),
    v: allocate(length),
    o: allocate(length),
    scaled: allocate(length),
    s: allocate(count * numHeads * L * padded),
    bias: allocate(numHeads * L * L),
    mask: shift > 0 ? allocate(count * L * L) : 0,
    scratch: allocate(32 + (padded + 4) * Math.ceil(C / numHeads / 8) * 8),
  };
  arena.grow();
  if (shift > 0) {
    new Float32Array(bench.memory.buffer).set(shiftedWindowMask(H, H, window, shift).data, place.mask / 4);
  }
  places.set(key, place);
  return place;
}

async function side(name: string, Model: typeof TimedModel): Promise<Side> {
  const attention = await createWindowAttention({ backend: 'wasm' });
  // A model takes the weights that it packs with it.
  const weights = inside.readWeights(new inside.StateDict(tensors), architecture, 'classifier');
  const model = await Model.create(inside.coreOf(attention), architecture, weights);
  const input = inside.checkTensor('pixelValues', pixels);
  return {
    name,
    run: async () => (await model.forward(input, false)).logits.data,
    dispose: () => attention.dispose(),
  };
}

const sides = [await side('flash window attention', TimedModel), await side('standard attention', StandardModel)];
const [flash, standard] = (await Promise.all(sides.map((one) => one.run()))) as [Float32Array, Float32Array];
flash.forEach((logit, i) => {
  const error = Math.abs(logit - (standard[i] as number));
  if (!(error < 1e-4)) throw new Error(`the sides differ by ${error}`);
});
const timings = (await measure(sides, 9)) as [Timing, Timing];
const rows: string[] = [];
for (const [i, { name, run }] of sides.entries()) {
  times.clear();
  const RUNS = 10;
  for (let n = 0; n < RUNS; n++) await run();
  const of = (...kernels: string[]) => (kernels.reduce((sum, key) => sum + (times.get(key) ?? 0), 0) / RUNS).toFixed(1);
  const cells = [
    name,
    (1e3 * (timings[i] as Timing).median).toFixed(0),
    `${ratio(timings[0], timings[i] as Timing).toFixed(2)}×`,
    of('linear'),
    of('shiftedWindowAttention', 'attention'),
    of('layerNorm'),
  ];
  rows.push(`| ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}
const lines = [
  '# Swin-T with flash window attention and with unfused standard attention, one thread',
  '',
  'Made by `npm run bench:swin`: milliseconds. Standard attention rolls, partitions and permutes, then runs every step as a',
  'pass over the whole batch, with the same matrix tiles. Layer norms before linear layers, and GELU, are in the linear',
  "layers' time.",
  '',
  ...Object.entries(machine()).map(([key, value]) => `- ${key}: ${value}`),
  '',
  '| | whole model | over flash | linear layers | attention | layer norms |',
  '|---|---:|---:|---:|---:|---:|',
  ...rows,
  '',
];
await writeFile(new URL('../results/swinLayers.md', import.meta.url), lines.join('\n'));
process.exit();
