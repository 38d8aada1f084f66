import { createWindowAttention, type WindowAttentionOptions } from 'flash-window-attention';
import type { FloatTensor, Problem } from '../problem.js';
import type { Side } from '../side.js';

/** This library, from JavaScript's memory or from the kernel's. */
export async function flashSide(
  name: string,
  problem: Problem,
  options: WindowAttentionOptions,
  inKernelMemory = false,
): Promise<Side> {
  const attention = await createWindowAttention(options);
  const place = (tensor: FloatTensor) => {
    if (!inKernelMemory) return tensor;
    const own = attention.tensor(tensor.dims);
    own.data.set(tensor.data);
    return own;
  };
  const { bias, mask } = problem;
  const args = {
    q: place(problem.q),
    k: place(problem.k),
    v: place(problem.v),
    bias: place(bias),
    mask: mask && place(mask),
    ...(inKernelMemory && { out: attention.tensor(problem.q.dims) }),
  };
  return {
    name,
    run: async () => (await attention.forward(args)).o.data as Float32Array,
    dispose: () => attention.dispose(),
  };
}
