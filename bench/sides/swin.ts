import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createWindowAttention } from 'flash-window-attention';
import { SwinForImageClassification } from 'flash-window-attention/swin';
import { pixelsOf } from '../randomSwin.js';
import type { Side } from '../side.js';
import { ONNX_WEIGHTS, type SwinFiles } from '../swinModel.js';

/** Ways to run a model from its files, by name; made when they are asked for, so that one process can hold one alone. */
export const SWIN_SIDES: Record<string, (files: SwinFiles) => Promise<Side>> = {
  'flash, 1 thread': (files) => flash(files, 1),
  'flash, 2 threads': (files) => flash(files, 2),
  'onnxruntime-web, 1 thread': (files) => web(files, 1),
  'onnxruntime-node, 1 thread': (files) => node(files, 1),
  'onnxruntime-node, 2 threads': (files) => node(files, 2),
};

async function flash({ directory, size }: SwinFiles, threads: number): Promise<Side> {
  const attention = await createWindowAttention({ backend: 'wasm', threads });
  const model = await SwinForImageClassification.fromPretrained(directory, { attention });
  const pixels = pixelsOf(size);
  return {
    name: 'flash',
    run: async () => (await model.forward(pixels)).logits.data,
    dispose: () => attention.dispose(),
  };
}

async function web({ directory, size }: SwinFiles, threads: number): Promise<Side> {
  const { InferenceSession, Tensor, env } = await import('onnxruntime-web');
  env.wasm.numThreads = threads;
  const session = await InferenceSession.create(await readFile(join(directory, 'model.onnx')), {
    executionProviders: ['wasm'],
    externalData: [{ path: ONNX_WEIGHTS, data: await readFile(join(directory, ONNX_WEIGHTS)) }],
  });
  const pixels = pixelsOf(size);
  const input = session.inputNames[0] as string;
  return {
    name: 'onnxruntime-web',
    async run() {
      const results = await session.run({ [input]: new Tensor('float32', pixels.data, pixels.dims) });
      return results[session.outputNames[0] as string]?.data as Float32Array;
    },
    dispose: () => session.release(),
  };
}

async function node({ directory, size }: SwinFiles, threads: number): Promise<Side> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(join(directory, 'model.onnx'), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const pixels = pixelsOf(size);
  const input = session.inputNames[0] as string;
  return {
    name: 'onnxruntime-node',
    async run() {
      const results = await session.run({ [input]: new Tensor('float32', pixels.data, pixels.dims) });
      return results[session.outputNames[0] as string]?.data as Float32Array;
    },
    dispose: () => session.release(),
  };
}
