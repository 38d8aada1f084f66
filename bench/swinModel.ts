import { execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { type BenchConfig, randomSwin } from './randomSwin.js';
import { swinGraph } from './sides/swinGraph.js';

/** A full-size model with random weights, as files: `model.onnx` and its weights for the peers, and a pretrained model. */
export interface SwinFiles {
  readonly directory: string;
  /** Of a side of the image. */
  readonly size: number;
  /** Whether there is `model.int8.onnx`: it takes Python with onnxruntime. */
  readonly hasInt8Graph: boolean;
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
/** Where the int8 model of `flash-window-attention quantize` lies in a model's directory. */
export const INT8_DIRECTORY = 'int8';

const CLI = fileURLToPath(new URL('../../build/cli/main.js', import.meta.url));
const QUANTIZE = fileURLToPath(new URL('../quantize.py', import.meta.url));

/** Writes a model to a directory of its own; `wantsInt8Graph`: onnxruntime's int8 of it too, where this host can make it. */
export async function writeSwinModel(name: keyof typeof MODELS, wantsInt8Graph: boolean): Promise<SwinFiles> {
  const { config } = MODELS[name];
  const tensors = randomSwin(config);
  const graph = swinGraph(config, tensors, ONNX_WEIGHTS);
  const directory = await mkdtemp(join(tmpdir(), 'swin-'));
  await writeFile(join(directory, ONNX_WEIGHTS), graph.weights);
  await writeFile(join(directory, 'model.onnx'), graph.model);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'model.safetensors'), writeSafetensors({ ...tensors }));
  execFileSync(process.execPath, [CLI, 'quantize', directory, '-o', join(directory, INT8_DIRECTORY)]);
  return { directory, size: config.image_size, hasInt8Graph: wantsInt8Graph && quantizeGraph(directory) };
}

function quantizeGraph(directory: string): boolean {
  const python = process.env.PYTHON ?? 'python3';
  try {
    const files = ['model.onnx', 'model.int8.onnx'].map((file) => join(directory, file));
    execFileSync(python, [QUANTIZE, ...files], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    return true;
  } catch (error) {
    console.log(
      `no int8 graph for onnxruntime (PYTHON=${python}): ${(error as Error).message.trim().split('\n').at(-1)}`,
    );
    return false;
  }
}
