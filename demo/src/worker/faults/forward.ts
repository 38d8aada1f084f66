import { windowAttention } from 'flash-window-attention/reference';
import {
  B,
  D,
  type FaultInputs,
  forward,
  H,
  L,
  nW,
  type PlantedFault,
  probabilities,
  type Reals,
  remade,
  run,
  WINDOW,
  weighted,
} from './inputs.js';

const fault = forward('Forward');

/** The mask that window w of an image gets: another's, or none. */
const masks = (inputs: FaultInputs, from: (w: number) => number | undefined) =>
  remade(inputs.mask, (x, w, i, j) => {
    const source = from(w);
    return source === undefined ? 0 : x(source, i, j);
  });

/** The mask of every window of the batch, as `[B, L, L]`. */
const batchMasks = (inputs: FaultInputs, from: (b: number) => number): Reals => ({
  data: Float64Array.from({ length: B * L * L }, (_, at) =>
    Number(inputs.mask.data[from(Math.floor(at / (L * L))) * L * L + (at % (L * L))]),
  ),
  dims: [B, L, L],
  type: 'float64',
});

/** The right output times a factor of each row's logsumexp. */
function rescaled(inputs: FaultInputs, factor: (lse: number) => number) {
  const { o, lse } = windowAttention(inputs);
  return remade(o, (x, b, h, i, d) => factor(lse.data[(b * H + h) * L + i] as number) * x(b, h, i, d));
}

function bfloat16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  bits[0] = ((bits[0] as number) + 0x7fff + (((bits[0] as number) >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] as number;
}

/** Faults of the forward pass. */
export const FORWARD_FAULTS: readonly PlantedFault[] = [
  fault('mask_ignored', 'the shift mask is never added', (inputs) => run(inputs, { mask: undefined })),
  fault('mask_window_index_wrong', 'each window takes the mask of the next one', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => (w + 1) % nW) }),
  ),
  fault('mask_window_index_wrong', 'windows of one image are taken to lie apart in the batch', (inputs) =>
    run(inputs, { mask: batchMasks(inputs, (b) => Math.floor((b * nW) / B)) }),
  ),
  fault('shift_reversed', 'the windows of the mask run backwards', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => nW - 1 - w) }),
  ),
  fault('border_mask_missing', 'the last column of windows has no mask', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => (w % 2 === 1 ? undefined : w)) }),
  ),
  fault('bias_ignored', 'the position bias is never added', (inputs) => run(inputs, { bias: undefined })),
  fault('bias_transposed', 'the bias is read with queries and keys exchanged', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, (x, h, i, j) => x(h, j, i)) }),
  ),
  fault('bias_of_next_head', 'each head adds the bias of the next one', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, (x, h, i, j) => x((h + 1) % H, i, j)) }),
  ),
  fault('bias_scaled', 'the scale multiplies the bias, too', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, (x, h, i, j) => D ** -0.5 * x(h, i, j)) }),
  ),
  fault('tokens_column_major', 'the bias numbers the tokens by columns', (inputs) => {
    const turned = (i: number) => (i % WINDOW) * WINDOW + Math.floor(i / WINDOW);
    return run(inputs, {
      bias: remade(inputs.bias, (x, h, i, j) => x(h, turned(i), turned(j))),
    });
  }),
  fault('scale_missing', 'the scores are not scaled', (inputs) => run(inputs, { scale: 1 })),
  fault('scale_applied_twice', 'the scores are scaled twice', (inputs) => run(inputs, { scale: 1 / D })),
  fault('key_value_swapped', 'keys and values are exchanged', (inputs) => run(inputs, { k: inputs.v, v: inputs.k })),
  fault('softmax_over_queries', 'the softmax runs over queries', (inputs) => {
    const transposed = probabilities({
      ...inputs,
      q: inputs.k,
      k: inputs.q,
      bias: remade(inputs.bias, (x, h, i, j) => x(h, j, i)),
      mask: remade(inputs.mask, (x, w, i, j) => x(w, j, i)),
    });
    const P = remade(transposed, (x, b, h, i, j) => x(b, h, j, i));
    return weighted(P, inputs.v);
  }),
  fault('causal_mask_added', 'a token sees none behind it', (inputs) =>
    run(inputs, {
      bias: remade(inputs.bias, (x, h, i, j) => (j > i ? Number.NEGATIVE_INFINITY : x(h, i, j))),
    }),
  ),
  fault('padded_keys_counted', 'sixteen keys of zeros that pad the window enter the softmax', (inputs) =>
    rescaled(inputs, (lse) => Math.exp(lse) / (Math.exp(lse) + 16)),
  ),
  fault('output_not_normalised', 'the output is not divided by the sum', (inputs) => rescaled(inputs, Math.exp)),
  fault('feature_tail_dropped', 'the last four features are left out of the scores', (inputs) =>
    run(inputs, {
      q: remade(inputs.q, (x, b, h, i, d) => (d < D - 4 ? x(b, h, i, d) : 0)),
    }),
  ),
  fault('last_key_dropped', 'the last token of a window is never looked at', (inputs) =>
    run(inputs, {
      bias: remade(inputs.bias, (x, h, i, j) => (j === L - 1 ? Number.NEGATIVE_INFINITY : x(h, i, j))),
    }),
  ),
  fault('heads_and_tokens_not_permuted', 'the output is laid out as [B, L, H, D]', (inputs) => {
    const o = run(inputs);
    // Element n of a window is head n / D mod H of token n / (H · D).
    return remade(o, (x, b, h, i, d) => {
      const row = h * L + i;
      return x(b, row % H, Math.floor(row / H), d);
    });
  }),
  fault('probabilities_in_bfloat16', 'probabilities are rounded to bfloat16', (inputs) => {
    const P = probabilities(inputs);
    return weighted({ ...P, data: P.data.map(bfloat16) }, inputs.v);
  }),
  fault('one_window_stale', 'one window still holds the output of another', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) => x(b === 5 ? 2 : b, h, i, d)),
  ),
  fault('uninitialised_row', 'one row was never written', (inputs) =>
    remade(run(inputs), (x, b, h, i, d) =>
      b === 3 && h === 1 && i === 7 ? Math.sin(1e3 * (d + 1)) * 9 : x(b, h, i, d),
    ),
  ),
];
