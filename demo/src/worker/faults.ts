import type { Tensor, TensorLike } from 'flash-window-attention';
import { type CaseActuals, type CaseInputs, makeVectors } from 'flash-window-attention/oracle';
import { shiftedWindowMask, windowAttention } from 'flash-window-attention/reference';

/** Two images of four windows that are shifted, of two heads. */
export const SHAPE = { B: 8, H: 2, L: 16, D: 16, nW: 4 } as const;
const { B, H, L, D, nW } = SHAPE;
const IMAGE = 8;
const WINDOW = 4;

/** Inputs that have everything. */
export interface FaultInputs extends CaseInputs {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly bias: Tensor;
  readonly mask: Tensor;
  readonly dO: Tensor;
}

/** A fault that a kernel may have: made of the reference's right outputs, without the oracle's own list of faults. */
export interface PlantedFault {
  /** As `diagnose` names it. */
  readonly name: string;
  readonly text: string;
  readonly group: string;
  plant(inputs: FaultInputs): CaseActuals;
}

export function faultInputs(seed: number): FaultInputs {
  const vectors = makeVectors({ shape: [B, H, L, D], bias: true, backward: true, seed });
  return { ...vectors, mask: shiftedWindowMask(IMAGE, IMAGE, WINDOW, WINDOW / 2) } as unknown as FaultInputs;
}

type Reals = Tensor<Float64Array>;
type Forward = (inputs: FaultInputs) => Reals;

const forward = (name: string, text: string, o: Forward): PlantedFault => ({
  name,
  text,
  group: 'Forward',
  plant: (inputs) => ({ o: float32(o(inputs)) }),
});

const run = ({ q, k, v, bias, mask }: FaultInputs, changes: Partial<Parameters<typeof windowAttention>[0]> = {}) =>
  windowAttention({ q, k, v, bias, mask, ...changes }).o;

function float32({ data, dims }: Reals): Tensor<Float32Array> {
  return { data: Float32Array.from(data), dims, type: 'float32' };
}

/** A tensor of the same dims whose element is `of` the index along each axis and the right elements. */
function remade({ data, dims }: TensorLike, of: (at: number[], x: (...at: number[]) => number) => number): Reals {
  const indexOf = (at: readonly number[]) => at.reduce((index, n, axis) => index * (dims[axis] as number) + n, 0);
  const x = (...at: number[]) => data[indexOf(at)] as number;
  const made = Float64Array.from({ length: data.length }, (_, index) => {
    const at = new Array<number>(dims.length);
    for (let axis = dims.length - 1, rest = index; axis >= 0; axis--) {
      at[axis] = rest % (dims[axis] as number);
      rest = Math.floor(rest / (dims[axis] as number));
    }
    return of(at, x);
  });
  return { data: made, dims, type: 'float64' };
}

/** The mask that window w of an image gets: another's, or none. */
const masks = (inputs: FaultInputs, from: (w: number) => number | undefined) =>
  remade(inputs.mask, ([w, i, j], x) => {
    const source = from(w as number);
    return source === undefined ? 0 : x(source, i as number, j as number);
  });

/** The mask of every window of the batch, as `[B, L, L]`. */
const batchMasks = (inputs: FaultInputs, from: (b: number) => number): Reals => ({
  data: Float64Array.from({ length: B * L * L }, (_, at) =>
    Number(inputs.mask.data[from(Math.floor(at / (L * L))) * L * L + (at % (L * L))]),
  ),
  dims: [B, L, L],
  type: 'float64',
});

/** P `[B, H, L, L]`: what the reference makes of an identity, L = D. */
function probabilities(inputs: FaultInputs): Reals {
  return run(inputs, { v: remade(inputs.v, ([, , i, d]) => (i === d ? 1 : 0)) });
}

/** P V. */
const weighted = (P: Reals, v: Tensor) =>
  remade(v, ([b, h, i, d], x) => {
    let sum = 0;
    for (let j = 0; j < L; j++)
      sum += rowOf(P, b as number, h as number, i as number, j) * x(b as number, h as number, j, d as number);
    return sum;
  });
const rowOf = (P: Reals, b: number, h: number, i: number, j: number) => P.data[((b * H + h) * L + i) * L + j] as number;

/** The right output times a factor of each row's logsumexp. */
function rescaled(inputs: FaultInputs, factor: (lse: number) => number) {
  const { o, lse } = windowAttention(withoutGradient(inputs));
  return remade(
    o,
    ([b, h, i, d], x) =>
      factor(lse.data[((b as number) * H + (h as number)) * L + (i as number)] as number) *
      x(b as number, h as number, i as number, d as number),
  );
}

const bfloat16 = (x: number) => {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  bits[0] = ((bits[0] as number) + 0x7fff + (((bits[0] as number) >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] as number;
};

const withoutGradient = ({ dO: _, ...inputs }: FaultInputs) => inputs;

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  forward('mask_ignored', 'the shift mask is never added', (inputs) => run(inputs, { mask: undefined })),
  forward('mask_window_index_wrong', 'each window takes the mask of the next one', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => (w + 1) % nW) }),
  ),
  forward('mask_window_index_wrong', 'windows of one image are taken to lie apart in the batch', (inputs) =>
    run(inputs, { mask: batchMasks(inputs, (b) => Math.floor((b * nW) / B)) }),
  ),
  forward('shift_reversed', 'the windows of the mask run backwards', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => nW - 1 - w) }),
  ),
  forward('border_mask_missing', 'the last window has no mask', (inputs) =>
    run(inputs, { mask: masks(inputs, (w) => (w === nW - 1 ? undefined : w)) }),
  ),
  forward('bias_ignored', 'the position bias is never added', (inputs) => run(inputs, { bias: undefined })),
  forward('bias_transposed', 'the bias is read with queries and keys exchanged', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, ([h, i, j], x) => x(h as number, j as number, i as number)) }),
  ),
  forward('bias_of_next_head', 'each head adds the bias of the next one', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, ([h, i, j], x) => x(((h as number) + 1) % H, i as number, j as number)) }),
  ),
  forward('bias_scaled', 'the scale multiplies the bias, too', (inputs) =>
    run(inputs, { bias: remade(inputs.bias, ([h, i, j], x) => D ** -0.5 * x(h as number, i as number, j as number)) }),
  ),
  forward('tokens_column_major', 'the bias numbers the tokens by columns', (inputs) => {
    const turned = (i: number) => (i % WINDOW) * WINDOW + Math.floor(i / WINDOW);
    return run(inputs, {
      bias: remade(inputs.bias, ([h, i, j], x) => x(h as number, turned(i as number), turned(j as number))),
    });
  }),
  forward('scale_missing', 'the scores are not scaled', (inputs) => run(inputs, { scale: 1 })),
  forward('scale_applied_twice', 'the scores are scaled twice', (inputs) => run(inputs, { scale: 1 / D })),
  forward('key_value_swapped', 'keys and values are exchanged', (inputs) => run(inputs, { k: inputs.v, v: inputs.k })),
  forward('softmax_over_queries', 'the softmax runs over queries', (inputs) => {
    const transposed = probabilities({
      ...inputs,
      q: inputs.k,
      k: inputs.q,
      bias: remade(inputs.bias, ([h, i, j], x) => x(h as number, j as number, i as number)),
      mask: remade(inputs.mask, ([w, i, j], x) => x(w as number, j as number, i as number)),
    });
    const P = remade(transposed, ([b, h, i, j], x) => x(b as number, h as number, j as number, i as number));
    return weighted(P, inputs.v);
  }),
  forward('causal_mask_added', 'a token sees none behind it', (inputs) =>
    run(inputs, {
      bias: remade(inputs.bias, ([h, i, j], x) =>
        (j as number) > (i as number) ? Number.NEGATIVE_INFINITY : x(h as number, i as number, j as number),
      ),
    }),
  ),
  forward('padded_keys_counted', 'sixteen keys of zeros that pad the window enter the softmax', (inputs) =>
    rescaled(inputs, (lse) => Math.exp(lse) / (Math.exp(lse) + 16)),
  ),
  forward('output_not_normalised', 'the output is not divided by the sum', (inputs) => rescaled(inputs, Math.exp)),
  forward('feature_tail_dropped', 'the last four features are left out of the scores', (inputs) =>
    run(inputs, {
      q: remade(inputs.q, ([b, h, i, d], x) =>
        (d as number) < D - 4 ? x(b as number, h as number, i as number, d as number) : 0,
      ),
    }),
  ),
  forward('last_key_dropped', 'the last token of a window is never looked at', (inputs) =>
    run(inputs, {
      bias: remade(inputs.bias, ([h, i, j], x) =>
        j === L - 1 ? Number.NEGATIVE_INFINITY : x(h as number, i as number, j as number),
      ),
    }),
  ),
  forward('heads_and_tokens_not_permuted', 'the output is laid out as [B, L, H, D]', (inputs) => {
    const o = run(inputs);
    // Element n of a window is head n / D mod H of token n / (H · D).
    return remade(o, ([b, h, i, d], x) => {
      const row = (h as number) * L + (i as number);
      return x(b as number, row % H, Math.floor(row / H), d as number);
    });
  }),
  forward('probabilities_in_bfloat16', 'probabilities are rounded to bfloat16', (inputs) => {
    const P = probabilities(inputs);
    return weighted({ ...P, data: P.data.map(bfloat16) }, inputs.v);
  }),
  forward('one_window_stale', 'one window still holds the output of another', (inputs) =>
    remade(run(inputs), ([b, h, i, d], x) => x(b === 5 ? 2 : (b as number), h as number, i as number, d as number)),
  ),
  forward('uninitialised_row', 'one row was never written', (inputs) =>
    remade(run(inputs), ([b, h, i, d], x) =>
      b === 3 && h === 1 && i === 7
        ? Math.sin(1e3 * ((d as number) + 1)) * 9
        : x(b as number, h as number, i as number, d as number),
    ),
  ),
];
