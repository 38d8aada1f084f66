import type { TensorLike } from 'flash-window-attention';
import type { CaseActuals } from 'flash-window-attention/oracle';
import { windowAttention, windowAttentionBackward } from 'flash-window-attention/reference';
import {
  D,
  type FaultInputs,
  faultInputs,
  float32,
  H,
  L,
  type PlantedFault,
  probabilities,
  type Reals,
  remade,
  weighted,
} from './inputs.js';

type BackwardInputs = ReturnType<typeof faultInputs>;
type Gradients = ReturnType<typeof windowAttentionBackward>;

const backward = (
  name: string,
  text: string,
  wrong: (gradients: Gradients, inputs: BackwardInputs) => { readonly [output: string]: Reals | undefined },
): PlantedFault => ({
  name,
  text,
  group: 'Gradients',
  plant(seed) {
    const inputs = faultInputs(seed);
    const outputs = wrong(windowAttentionBackward(inputs), inputs);
    const actuals = Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, float32(tensor as Reals)]));
    return { inputs, actuals: actuals as CaseActuals };
  },
});

const times = (tensor: TensorLike, factor: number) => remade(tensor, (x, ...at) => factor * x(...at));
const transposed = (P: Reals) => remade(P, (x, b, h, i, j) => x(b, h, j, i));

/** The logsumexp of every row. */
const lseOf = ({ q, k, v, bias, mask }: FaultInputs) => windowAttention({ q, k, v, bias, mask }).lse;

/** Faults of what the backward pass returns, and of the logsumexp that it needs. */
export const GRADIENT_FAULTS: readonly PlantedFault[] = [
  backward('scale_missing', 'dQ lacks the scale, as in the code of the report', ({ dQ }) => ({
    dQ: times(dQ, D ** 0.5),
  })),
  backward('scale_missing', 'dK lacks the scale, as in the code of the report', ({ dK }) => ({
    dK: times(dK, D ** 0.5),
  })),
  backward('dQ_sign', 'dQ has the wrong sign', ({ dQ }) => ({ dQ: times(dQ, -1) })),
  backward('dV_not_transposed', 'dV is P dO, with P not transposed', (_, inputs) => ({
    dV: weighted(probabilities(inputs), inputs.dO),
  })),
  backward('mask_ignored', 'dV comes from P without the mask', (_, inputs) => ({
    dV: weighted(transposed(probabilities({ ...inputs, mask: times(inputs.mask, 0) })), inputs.dO),
  })),
  backward('delta_missing', 'dS lacks the sum of dO times O', ({ dQ }, inputs) => {
    const { dO, mask, bias, q, k, v } = inputs;
    const { o } = windowAttention({ q, k, v, bias, mask });
    const PK = weighted(probabilities(inputs), k);
    return {
      dQ: remade(dQ, (x, b, h, i, d) => {
        const at = ((b * H + h) * L + i) * D;
        let delta = 0;
        for (let n = at; n < at + D; n++) delta += Number(dO.data[n]) * (o.data[n] as number);
        return x(b, h, i, d) + D ** -0.5 * delta * (PK.data[at + d] as number);
      }),
    };
  }),
  backward('output_layout_BHDL', 'dBias is stored with queries and keys exchanged', ({ dBias }) => ({
    dBias: dBias && remade(dBias, (x, h, i, j) => x(h, j, i)),
  })),
  backward('heads_swapped', 'dBias of a head is stored at its neighbour', ({ dBias }) => ({
    dBias: dBias && remade(dBias, (x, h, i, j) => x((h + 1) % H, i, j)),
  })),
  backward('dbias_averaged', 'dBias is averaged over windows', ({ dBias }, { q }) => ({
    dBias: dBias && times(dBias, 1 / (q.dims[0] as number)),
  })),
  backward('lse_base_2', 'lse is a logarithm to base 2', (_, inputs) => ({ lse: times(lseOf(inputs), Math.LOG2E) })),
];
