import { windowAttention } from 'flash-window-attention/reference';
import { B, D, type FaultInputs, forward, H, L, probabilities, type Reals, remade, run } from './inputs.js';

/** Keys of a tile. */
const TILE = 4;

const fault = forward('Tiles and places');

/** The scores `[B, H, L, L]`: the logarithm of P and the row's logsumexp. */
function scores(inputs: FaultInputs): Reals {
  const { lse } = windowAttention(inputs);
  return remade(
    probabilities(inputs),
    (P, b, h, i, j) => Math.log(P(b, h, i, j)) + (lse.data[(b * H + h) * L + i] as number),
  );
}

function scaleAll(all: Float64Array, by: number): void {
  for (const [d, x] of all.entries()) all[d] = by * x;
}

interface Rescaled {
  readonly sum: boolean;
  readonly output: boolean;
}

/** A softmax over tiles of keys, which rescales what came before where a maximum grows, or not. */
function tiled(inputs: FaultInputs, rescaled: Rescaled): Reals {
  const S = scores(inputs).data;
  const V = inputs.v.data;
  const o = remade(inputs.v, () => 0);
  for (let row = 0; row < B * H * L; row++) {
    const unit = Math.floor(row / L);
    let [max, sum] = [Number.NEGATIVE_INFINITY, 0];
    const out = o.data.subarray(row * D, (row + 1) * D);
    for (let from = 0; from < L; from += TILE) {
      const tile = S.subarray(row * L + from, row * L + from + TILE);
      const larger = Math.max(max, ...tile);
      const by = Math.exp(max - larger);
      if (rescaled.sum) sum *= by;
      if (rescaled.output) scaleAll(out, by);
      tile.forEach((s, n) => {
        const p = Math.exp(s - larger);
        sum += p;
        for (let d = 0; d < D; d++) out[d] = (out[d] as number) + p * Number(V[(unit * L + from + n) * D + d]);
      });
      max = larger;
    }
    scaleAll(out, 1 / sum);
  }
  return o;
}

/** Faults of kernels that take keys by tiles, or read and store at wrong places. */
export const TILE_FAULTS = [
  fault('rescale_missing', 'nothing is rescaled where the maximum grows from tile to tile', (inputs) =>
    tiled(inputs, { sum: false, output: false }),
  ),
  fault('output_rescale_missing', 'the output is not rescaled where the maximum grows', (inputs) =>
    tiled(inputs, { sum: true, output: false }),
  ),
  fault('first_key_tile_dropped', 'the first tile of four keys is left out', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, (x, h, i, j) => (j < TILE ? Number.NEGATIVE_INFINITY : x(h, i, j))) }),
  ),
  fault('key_band', 'a token sees no other more than five places away', (inputs) =>
    run(inputs, {
      bias: remade(inputs.bias, (x, h, i, j) => (Math.abs(i - j) > 5 ? Number.NEGATIVE_INFINITY : x(h, i, j))),
    }),
  ),
  fault('key_of_next_head', 'keys are read from the next head', (inputs) =>
    run(inputs, { k: remade(inputs.k, (x, b, h, i, d) => x(b, (h + 1) % H, i, d)) }),
  ),
  fault('value_of_next_window', 'values are read from the next window', (inputs) =>
    run(inputs, { v: remade(inputs.v, (x, b, h, i, d) => x((b + 1) % B, h, i, d)) }),
  ),
  fault('query_rows_reversed', 'the tokens of the queries run backwards', (inputs) =>
    run(inputs, { q: remade(inputs.q, (x, b, h, i, d) => x(b, h, L - 1 - i, d)) }),
  ),
  fault('heads_swapped', 'the outputs of two heads are stored at each other', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => x(b, (h + 1) % H, i, d)),
  ),
  fault('accumulator_not_reset', 'a head adds its output to that of the head before', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => x(b, h, i, d) + (h > 0 ? x(b, h - 1, i, d) : 0)),
  ),
  fault('not_stored', 'the last four features are never stored', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => (d < D - 4 ? x(b, h, i, d) : 0)),
  ),
  fault('all_zeros', 'the kernel was never launched', (inputs) => remade(run(inputs), () => 0)),
];
