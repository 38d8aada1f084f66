import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWindowAttention } from 'flash-window-attention';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { type SwinConfig, SwinForImageClassification } from 'flash-window-attention/swin';
import { type ExternalWeights, randomWeights, stateDictOf, type Weight } from './onnxWeights.js';

/** A full-size model with random weights, as files: `model.onnx` and its weights for the peers, and a pretrained model. */
export interface SwinFiles {
  readonly directory: string;
  readonly weightsFile: string;
  /** Of a side of the image. */
  readonly size: number;
}

const SWIN_T = { patch_size: 4, embed_dim: 96, depths: [2, 2, 6, 2], num_heads: [3, 6, 12, 24] };

export const MODELS = {
  'hf-swin-tiny': { title: 'Swin-T, 224', config: { ...SWIN_T, model_type: 'swin', image_size: 224, window_size: 7 } },
  'hf-swinv2-tiny': {
    title: 'SwinV2-T, 256, window 8',
    config: { ...SWIN_T, model_type: 'swinv2', image_size: 256, window_size: 8 },
  },
} as const;

/** Writes a model to a directory of its own. `graphs`: where the graphs lie. */
export async function writeSwinModel(name: keyof typeof MODELS, graphs: string): Promise<SwinFiles> {
  const graph = await readFile(join(graphs, `${name}.onnx`));
  const external = JSON.parse(await readFile(join(graphs, `${name}.weights.json`), 'utf8')) as ExternalWeights;
  const weights = randomWeights(external);
  const kept = stateDictOf(graph, external, weights);
  const labels = kept['classifier.weight']?.dims[0] as number;
  const config = { ...MODELS[name].config, num_labels: labels } as SwinConfig;
  const tensors = await completed(kept, config);
  const directory = await mkdtemp(join(tmpdir(), 'swin-'));
  const weightsFile = `${name}.weights.bin`;
  await writeFile(join(directory, weightsFile), new Uint8Array(weights.buffer));
  await writeFile(join(directory, 'model.onnx'), graph);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'model.safetensors'), writeSafetensors(tensors));
  return { directory, weightsFile, size: config.image_size as number };
}

/** An image of random pixels. */
export function pixelsOf(size: number): Weight {
  let state = 7;
  const data = Float32Array.from({ length: 3 * size * size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 30;
  });
  return { data, dims: [1, 3, size, size], type: 'float32' };
}

/** What tensors of a name are before training: equal ones of a shape, which exporters keep once. */
const UNTRAINED: readonly (readonly [RegExp, number])[] = [
  [/logit_scale$/, Math.log(10)],
  [/(bias|bias_table)$/, 0],
  [/norm[^.]*\.weight$/, 1],
];

/** Completes a state dict whose exporter kept one of equal tensors; loading names the missing ones, one by one. */
async function completed(tensors: Record<string, Weight>, config: SwinConfig): Promise<Record<string, Weight>> {
  const attention = await createWindowAttention({ backend: 'typescript' });
  const complete = { ...tensors };
  for (;;) {
    try {
      await SwinForImageClassification.fromStateDict(complete, config, { attention });
      return complete;
    } catch (error) {
      const { message } = error as Error;
      const [, names = '', shape = ''] = /^tensor (.*) expected with dims \[(.*)\], got none/.exec(message) ?? [];
      const candidates = [...names.matchAll(/"([^"]*)"/g)].map(([, name]) => name as string);
      const name = config.model_type === 'swin' ? candidates.at(-1) : candidates[0];
      const [pattern, value] = UNTRAINED.find(([pattern]) => pattern.test(name ?? '')) ?? [];
      if (!name || !pattern || value === undefined) throw error;
      const dims = shape.split(', ').map(Number);
      const kept = Object.keys(tensors).find((key) => pattern.test(key) && `${tensors[key]?.dims}` === `${dims}`);
      complete[name] = (kept && tensors[kept]) || {
        data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(value),
        dims,
        type: 'float32',
      };
    }
  }
}
