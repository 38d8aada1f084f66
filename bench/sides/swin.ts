import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createWindowAttention } from 'flash-window-attention';
import { SwinForImageClassification } from 'flash-window-attention/swin';
import { pixelsOf } from '../randomSwin.js';
import type { Side } from '../side.js';
import { INT8_DIRECTORY, ONNX_WEIGHTS, type SwinFiles } from '../swinModel.js';

type Make = (files: SwinFiles) => Promise<Side>;

/** Ways to run a model from its files, by name; made when they are asked for, so that one process can hold one alone. */
const SIDES: Readonly<Record<string, Make>> = {
  'flash, 1 thread': (files) => flash(files, {}),
  'flash int8, 1 thread': (files) => flash(files, { isInt8: true }),
  'flash relaxed, 1 thread': (files) => flash(files, { relaxed: true }),
  'flash int8 relaxed, 1 thread': (files) => flash(files, { isInt8: true, relaxed: true }),
  'flash, 2 threads': (files) => flash(files, { threads: 2 }),
  'flash int8, 2 threads': (files) => flash(files, { isInt8: true, threads: 2 }),
  'onnxruntime-web, 1 thread': (files) => web(files, 'model.onnx'),
  'onnxruntime-web int8, 1 thread': (files) => web(files, 'model.int8.onnx'),
  'onnxruntime-node, 1 thread': (files) => node(files, 'model.onnx', 1),
  'onnxruntime-node int8, 1 thread': (files) => node(files, 'model.int8.onnx', 1),
  'onnxruntime-node, 2 threads': (files) => node(files, 'model.onnx', 2),
};

/** What relaxed SIMD is compared with: the others were without it. */
const BESIDE_RELAXED = /^flash.*1 thread|^onnxruntime-web,/;

/** Those that these files have; on a host of relaxed SIMD, the relaxed ones and what is beside them. */
export function swinSides({ hasInt8Graph }: SwinFiles, isRelaxed: boolean): [name: string, make: Make][] {
  return Object.entries(SIDES).filter(([name]) => {
    if (isRelaxed) return BESIDE_RELAXED.test(name);
    return !name.includes('relaxed') && (hasInt8Graph || !/onnxruntime.* int8/.test(name));
  });
}

/** Whether this host has relaxed SIMD. */
export async function isRelaxedHost(): Promise<boolean> {
  const probe = await createWindowAttention({ relaxed: true });
  await probe.dispose();
  return probe.simd === 'relaxed-simd';
}

export function swinSide(name: string): Make {
  return SIDES[name] as Make;
}

async function flash(
  { directory, size }: SwinFiles,
  { isInt8 = false, threads = 1, relaxed = false }: { isInt8?: boolean; threads?: number; relaxed?: boolean },
): Promise<Side> {
  const attention = await createWindowAttention({ backend: 'wasm', threads, relaxed });
  const source = isInt8 ? join(directory, INT8_DIRECTORY) : directory;
  const model = await SwinForImageClassification.fromPretrained(source, { attention });
  const pixels = pixelsOf(size);
  return {
    name: 'flash',
    run: async () => (await model.forward(pixels)).logits.data,
    dispose: () => attention.dispose(),
  };
}

async function web({ directory, size }: SwinFiles, graph: string): Promise<Side> {
  const { InferenceSession, Tensor, env } = await import('onnxruntime-web');
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(await readFile(join(directory, graph)), {
    executionProviders: ['wasm'],
    // The int8 graph is one file.
    ...(graph === 'model.onnx' && {
      externalData: [{ path: ONNX_WEIGHTS, data: await readFile(join(directory, ONNX_WEIGHTS)) }],
    }),
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

async function node({ directory, size }: SwinFiles, graph: string, threads: number): Promise<Side> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(join(directory, graph), {
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
