import { windowAttention } from 'flash-window-attention/reference';
import { D, faultInputs, float32, H, type PlantedFault, remade } from './inputs.js';

/** Of the second head beyond ln 100, where Swin V2 cuts it. */
const LOGIT_SCALE = [1.5, 4.9] as const;
const LARGEST = Math.log(100);

interface Cosine {
  /** What the products are multiplied by. */
  readonly factor: (logitScale: number) => number;
  readonly normOfQ?: (squares: number) => number;
  readonly normOfK?: (squares: number) => number;
}

const RIGHT: Required<Cosine> = {
  factor: (logitScale) => Math.exp(Math.min(logitScale, LARGEST)),
  normOfQ: Math.sqrt,
  normOfK: Math.sqrt,
};

const cosine = (name: string, text: string, wrong: Partial<Cosine>): PlantedFault => ({
  name,
  text,
  group: 'Cosine attention (Swin V2)',
  plant(seed) {
    const { q, k, v, bias, mask } = faultInputs(seed);
    const { factor, normOfQ, normOfK } = { ...RIGHT, ...wrong };
    const over = (tensor: typeof q, norm: (squares: number) => number, factorOf: (h: number) => number) =>
      remade(tensor, (x, b, h, i, d) => {
        let squares = 0;
        for (let n = 0; n < D; n++) squares += x(b, h, i, n) ** 2;
        return (factorOf(h) * x(b, h, i, d)) / norm(squares);
      });
    const unitQ = over(q, normOfQ, (h) => factor(LOGIT_SCALE[h] as number));
    const unitK = over(k, normOfK, () => 1);
    const { o } = windowAttention({ q: unitQ, k: unitK, v, bias, mask, scale: 1 });
    const logitScale = { data: Float32Array.from(LOGIT_SCALE), dims: [H], type: 'float32' as const };
    return { inputs: { q, k, v, bias, mask, logitScale }, actuals: { o: float32(o) } };
  },
});

/** Faults of cosine attention. */
export const COSINE_FAULTS: readonly PlantedFault[] = [
  cosine('clamp_missing', 'the logit scale is not cut at ln 100', { factor: Math.exp }),
  cosine('logit_scale_not_exponentiated', 'the logit scale is used without exp', {
    factor: (logitScale) => logitScale,
  }),
  cosine('scaled_by_head_dim_instead', 'products are scaled as in Swin V1', { factor: () => D ** -0.5 }),
  cosine('q_not_normalised', 'q is not divided by its norm', { normOfQ: () => 1 }),
  cosine('k_not_normalised', 'k is not divided by its norm', { normOfK: () => 1 }),
  cosine('q_and_k_norm_without_root', 'q and k are divided by their squared norms', {
    normOfQ: (squares) => squares,
    normOfK: (squares) => squares,
  }),
];
