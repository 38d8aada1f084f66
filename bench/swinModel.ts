import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { type BenchConfig, randomSwin } from './randomSwin.js';
import { swinGraph } from './sides/swinGraph.js';

/** A full-size model with random weights, as files: `model.onnx` and its weights for the peers, and a pretrained model. */
export interface SwinFiles {
  readonly directory: string;
  /** Of a side of the image. */
  readonly size: number;
}

const SWIN_T = { patch_size: 4, embed_dim: 96, depths: [2, 2, 6, 2], num_heads: [3, 6, 12, 24], num_labels: 1000 };

export const MODELS = {
  'swin-t': { title: 'Swin-T, 224', config: { ...SWIN_T, model_type: 'swin', image_size: 224, window_size: 7 } },
  'swinv2-t': {
    title: 'SwinV2-T, 256, window 8',
    config: { ...SWIN_T, model_type: 'swinv2', image_size: 256, window_size: 8 },
  },
} as const satisfies Record<string, { title: string; config: BenchConfig }>;

export const ONNX_WEIGHTS = 'model.weights.bin';

/** Writes a model to a directory of its own. */
export async function writeSwinModel(name: keyof typeof MODELS): Promise<SwinFiles> {
  const { config } = MODELS[name];
  const tensors = randomSwin(config);
  const graph = swinGraph(config, tensors, ONNX_WEIGHTS);
  const directory = await mkdtemp(join(tmpdir(), 'swin-'));
  await writeFile(join(directory, ONNX_WEIGHTS), graph.weights);
  await writeFile(join(directory, 'model.onnx'), graph.model);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'model.safetensors'), writeSafetensors({ ...tensors }));
  return { directory, size: config.image_size };
}
