import type * as Onnxruntime from 'onnxruntime-web';
import type { BenchInputs, BenchShape, BenchSide } from './bench.js';

let loaded: Promise<typeof Onnxruntime> | undefined;

/** onnxruntime-web on the graph of a naive attention, from the page's own files. */
export async function onnxruntimeSide(
  base: string,
  shape: BenchShape,
  inputs: BenchInputs,
  threads: number,
): Promise<BenchSide> {
  loaded ??= load(base, threads);
  const [ort, { decomposedGraph }] = await Promise.all([loaded, import('../../../bench/sides/onnxGraphs.js')]);
  const session = await ort.InferenceSession.create(decomposedGraph(shape));
  const { q, k, v, bias, mask } = inputs;
  const { H, L, nW } = shape;
  const feeds: Record<string, Onnxruntime.Tensor> = {
    ...Object.fromEntries(
      Object.entries({ q, k, v }).map(([name, { data, dims }]) => [name, new ort.Tensor(data, dims)]),
    ),
    bias: new ort.Tensor(bias.data, [1, H, L, L]),
    ...(mask && { mask: new ort.Tensor(mask.data, [1, nW, 1, L, L]) }),
  };
  return {
    run: async () => (await session.run(feeds)).o?.data as Float32Array,
    dispose: () => session.release(),
  };
}

/** Its threads are fixed when it first runs. */
async function load(base: string, threads: number): Promise<typeof Onnxruntime> {
  const ort: typeof Onnxruntime = await import(/* @vite-ignore */ `${base}ort/ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = `${base}ort/`;
  ort.env.wasm.numThreads = threads;
  return ort;
}
