// Layers of int8 must give the same bits in every runtime, plain and relaxed, in one thread and in two. Attention with
// fused multiply-add does not; so the model here attends to values of zero, and its patches are sums that are exact.
import { createWindowAttention } from 'flash-window-attention';
import { SwinForImageClassification } from 'flash-window-attention/swin';
import { digest } from './digest.mjs';
import { CONFIG, numbers, stateDict } from './tinySwin.mjs';

/** Its second layer of the MLP has 544 inputs: more than are summed in integers. */
const WIDE = { ...CONFIG, mlp_ratio: 17 };
const ENGINES = [{}, { threads: 2 }, { relaxed: true }, { relaxed: true, threads: 2 }];

/** What each engine is, and a digest of the logits and hidden states that it gave. */
export async function int8Digests() {
  const tensors = stateDict(WIDE);
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.includes('.value.')) tensor.data.fill(0);
    if (name.includes('patch_embeddings')) tensor.data = tensor.data.map((x) => Math.round(16 * x) / 16);
  }
  const size = CONFIG.image_size;
  const pixels = numbers(3 * size ** 2, 7).map((x) => Math.round(8 * x) / 8);
  const results = [];
  for (const options of ENGINES) {
    const attention = await createWindowAttention({ backend: 'wasm', ...options });
    const model = await SwinForImageClassification.fromStateDict(tensors, WIDE, { attention, dtype: 'int8' });
    const image = { data: pixels, dims: [1, 3, size, size] };
    const { logits, hiddenStates } = await model.forward(image, { hiddenStates: true });
    const { simd, threads } = attention;
    const arrays = [logits, ...hiddenStates].map(({ data }) => data);
    if (!arrays.every((values) => values.every(Number.isFinite)))
      throw new Error('int8 gave numbers that are not finite');
    results.push({ simd, threads, digest: await digest(arrays) });
    await attention.dispose();
  }
  return results;
}
