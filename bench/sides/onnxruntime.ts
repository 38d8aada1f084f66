import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { FloatTensor, Problem } from '../problem.js';
import type { Side } from '../side.js';
import { attentionGraph, decomposedGraph, multiHeadAttentionGraph } from './onnxGraphs.js';

/** What onnxruntime-web and onnxruntime-node have in common. */
export interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor;
}

const GRAPHS = {
  'MatMul … Softmax … MatMul': decomposedGraph,
  MultiHeadAttention: multiHeadAttentionGraph,
  Attention: attentionGraph,
} as const;

/** One side for each graph that computes the same attention; what a graph wants in another layout is prepared untimed. */
export async function onnxruntimeSides(name: string, runtime: Runtime, problem: Problem): Promise<Side[]> {
  const sides: Side[] = [];
  for (const [graph, build] of Object.entries(GRAPHS)) {
    const options = {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionProviders: [name === 'onnxruntime-web' ? 'wasm' : 'cpu'],
    };
    const session = await runtime.InferenceSession.create(build(problem.shape), options);
    const inputs = inputsOf(graph, problem);
    sides.push({
      name: `${name}, ${graph}`,
      isHeadsLast: graph === 'MultiHeadAttention',
      async run() {
        const feeds = Object.entries(inputs).map(([key, { data, dims }]) => [
          key,
          new runtime.Tensor('float32', data, dims),
        ]);
        const { o } = await session.run(Object.fromEntries(feeds));
        return (o as Tensor).data as Float32Array;
      },
      dispose: () => session.release(),
    });
  }
  return sides;
}

function inputsOf(graph: string, problem: Problem): Record<string, FloatTensor> {
  const { q, k, v, bias, mask, shape } = problem;
  const { H, L, nW } = shape;
  if (graph.startsWith('MatMul')) {
    return {
      q,
      k,
      v,
      bias: { data: bias.data, dims: [1, H, L, L] },
      ...(mask && { mask: { data: mask.data, dims: [1, nW, 1, L, L] } }),
    };
  }
  const both = biasAndMask(problem);
  if (graph === 'Attention') return { q, k, v, bias: mask ? both : bias };
  return { q: mergeHeads(q), k: mergeHeads(k), v: mergeHeads(v), bias: both };
}

/** `[B, H, L, L]` with a mask, `[1, H, L, L]` without. */
function biasAndMask({ bias, mask, shape }: Problem): FloatTensor {
  const { B, H, L, nW } = shape;
  if (!mask) return { data: bias.data, dims: [1, H, L, L] };
  const size = L * L;
  const data = new Float32Array(B * H * size);
  for (let i = 0; i < data.length; i++) {
    const windowHead = Math.floor(i / size);
    const window = Math.floor(windowHead / H) % nW;
    data[i] =
      (bias.data[(windowHead % H) * size + (i % size)] as number) + (mask.data[window * size + (i % size)] as number);
  }
  return { data, dims: [B, H, L, L] };
}

/** `[B, H, L, D]` → `[B, L, H·D]`. */
function mergeHeads({ data, dims }: FloatTensor): FloatTensor {
  const [B, H, L, D] = dims as [number, number, number, number];
  const merged = new Float32Array(data.length);
  for (let row = 0; row < B * H * L; row++) {
    const l = row % L;
    const h = Math.floor(row / L) % H;
    const b = Math.floor(row / (L * H));
    merged.set(data.subarray(row * D, (row + 1) * D), ((b * L + l) * H + h) * D);
  }
  return { data: merged, dims: [B, L, H * D] };
}
