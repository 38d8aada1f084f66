// Engines made and disposed of one after another: plain and relaxed, some with a model, whose results must be those of
// an engine that lives alone, bit for bit. Where memory reaches the next engine too early, they are not.
import { createWindowAttention } from 'flash-window-attention';
import { SwinForImageClassification } from 'flash-window-attention/swin';
import { CONFIG, numbers, stateDict } from './tinySwin.mjs';

const DIMS = [16, 4, 49, 32];
const FORWARDS = 10;
const KINDS = [{ relaxed: false }, { relaxed: true }, { relaxed: false, model: true }, { relaxed: true, model: true }];

/**
 * @param {number} count
 * @returns how many results were compared, how many were wrong, and the threads of the engines
 */
export async function cycles(count) {
  const length = DIMS.reduce((product, dim) => product * dim, 1);
  const inputs = [1, 2, 3].map((seed) => {
    const [q, k, v] = [0, 1, 2].map((part) => ({ data: numbers(length, 10 * seed + part), dims: DIMS }));
    return { q, k, v };
  });
  const image = { data: numbers(3 * CONFIG.image_size ** 2, 7), dims: [1, 3, CONFIG.image_size, CONFIG.image_size] };
  const weights = stateDict();

  const run = async ({ relaxed, model: hasModel }, threads) => {
    const attention = await createWindowAttention({ backend: 'wasm', relaxed, threads });
    const model = hasModel && (await SwinForImageClassification.fromStateDict(weights, CONFIG, { attention }));
    const calls = Array.from({ length: FORWARDS }, (_, i) => attention.forward(inputs[i % inputs.length]));
    if (model) calls.push(model.forward(image), model.forward(image));
    const outputs = (await Promise.all(calls)).map(({ o, logits }) => (o ?? logits).data);
    await attention.dispose();
    return { outputs, threads: attention.threads };
  };

  const references = [];
  for (const kind of KINDS) references.push((await run(kind, 1)).outputs);
  const result = { cycles: count, compared: 0, wrong: 0, threads: 1 };
  for (let i = 0; i < count; i++) {
    const { outputs, threads } = await run(KINDS[i % KINDS.length], 2);
    result.threads = threads;
    for (const [j, output] of outputs.entries()) {
      result.compared++;
      if (!hasSameBits(output, references[i % KINDS.length][j])) result.wrong++;
    }
  }
  return result;
}

function hasSameBits(a, b) {
  const [x, y] = [a, b].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  return x.length === y.length && x.every((bits, i) => bits === y[i]);
}
