import { createWindowAttention } from 'flash-window-attention';
import { checkConfig, checkTensor, coreOf, readWeights, StateDict } from 'flash-window-attention/internals';
import { measure, ratio, type Timing } from './measure.js';
import { MEASURED } from './options.js';
import { pixelsOf, randomSwin } from './randomSwin.js';
import { writeReport } from './report.js';
import type { Side } from './side.js';
import { StandardModel, TimedModel } from './sides/timedSwin.js';
import { MODELS } from './swinModel.js';

// npm run bench:swin: where a Swin-T's time goes, and what it takes with unfused standard attention
// instead of flash window attention: the report's end-to-end claim. One thread.

const { config } = MODELS['swin-t'];
const architecture = checkConfig(config);
const pixels = pixelsOf(config.image_size);

const RUNS = 10;

async function side(name: string, Model: typeof TimedModel): Promise<Side & { readonly model: TimedModel }> {
  const attention = await createWindowAttention({ backend: 'wasm' });
  // A model takes the weights that it packs with it.
  const weights = readWeights(new StateDict(randomSwin(config)), architecture, 'classifier');
  const core = coreOf(attention);
  if (!core) throw new Error('this host has no WebAssembly SIMD');
  const model = (await Model.create(core, architecture, weights)) as TimedModel;
  const input = checkTensor('pixelValues', pixels);
  return {
    name,
    model,
    run: async () => (await model.forward(input, false)).logits?.data as Float32Array,
    dispose: () => attention.dispose(),
  };
}

const sides = [await side('flash window attention', TimedModel), await side('standard attention', StandardModel)];
const [flash, standard] = (await Promise.all(sides.map((one) => one.run()))) as [Float32Array, Float32Array];
flash.forEach((logit, i) => {
  const error = Math.abs(logit - (standard[i] as number));
  if (!(error < 1e-4)) throw new Error(`the sides differ by ${error}`);
});
const timings = (await measure(sides)) as [Timing, Timing];
const figures: Record<string, number | string>[] = [];
for (const [i, { name, run, model }] of sides.entries()) {
  model.times.clear();
  for (let n = 0; n < RUNS; n++) await run();
  const of = (...kernels: string[]) => kernels.reduce((sum, key) => sum + (model.times.get(key) ?? 0), 0) / RUNS;
  figures.push({
    name,
    milliseconds: 1e3 * (timings[i] as Timing).median,
    ratio: ratio(timings[0], timings[i] as Timing),
    linear: of('linear'),
    attention: of('shiftedWindowAttention', 'attention'),
    copies: of('copies'),
    layerNorm: of('layerNorm'),
  });
}
console.table(figures);
await writeReport(
  'swinLayers',
  'Swin-T with flash window attention and with unfused standard attention, one thread',
  [
    `Made by \`npm run bench:swin\`: ${MEASURED}.`,
    'Standard attention rolls, partitions and permutes by vectors, in the memory of the model, then runs every step as a pass',
    "over the whole batch, with the same matrix tiles. Layer norms before linear layers, and GELU, are in the linear layers' time.",
  ].join('\n'),
  [
    {
      columns: ['', 'whole model', 'over flash', 'linear layers', 'attention', 'its copies', 'layer norms'],
      rows: figures.map(({ name, milliseconds, ratio, linear, attention, copies, layerNorm }) => [
        name as string,
        (milliseconds as number).toFixed(0),
        `${(ratio as number).toFixed(2)}×`,
        ...[linear, attention, copies, layerNorm].map((ms) => (ms as number).toFixed(1)),
      ]),
    },
  ],
  figures,
);
process.exit();
