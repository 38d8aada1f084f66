import { windowAttention, windowAttentionBackward } from 'flash-window-attention/reference';
import { B, D, faultInputs, float32, H, type PlantedFault, type Reals, remade } from './inputs.js';

/** Of the second head beyond ln 100, where Swin V2 cuts it. */
export const LOGIT_SCALE = [1.5, 7] as const;
const LARGEST = Math.log(100);

export const logitScaleOf = (of: readonly number[]) => ({
  data: Float64Array.from(of),
  dims: [of.length],
  type: 'float64' as const,
});

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
    return { inputs: { q, k, v, bias, mask, logitScale: logitScaleOf(LOGIT_SCALE) }, actuals: { o: float32(o) } };
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

const logitGradient = (
  name: string,
  text: string,
  logitScale: readonly number[],
  wrong: (dLogitScale: Reals, logitScale: readonly number[], gradientOf: (other: readonly number[]) => Reals) => Reals,
): PlantedFault => ({
  name,
  text,
  group: 'Cosine attention (Swin V2)',
  plant(seed) {
    const { mask, bias, ...rest } = faultInputs(seed);
    const args = (own: readonly number[]) => ({ ...rest, bias, mask, logitScale: logitScaleOf(own) });
    const gradientOf = (own: readonly number[]) => windowAttentionBackward(args(own)).dLogitScale as Reals;
    const dLogitScale = float32(wrong(gradientOf(logitScale), logitScale, gradientOf));
    return { inputs: args(logitScale), actuals: { dLogitScale } };
  },
});

/** Faults of the logit scale's gradient. */
export const LOGIT_GRADIENT_FAULTS: readonly PlantedFault[] = [
  logitGradient('dLogitScale_sign', 'dLogitScale has the wrong sign', [1.5, 2.5], (own) =>
    remade(own, (x, h) => -x(h)),
  ),
  logitGradient('output_of_next_head', 'dLogitScale of a head is stored at its neighbour', [1.5, 2.5], (own) =>
    remade(own, (x, h) => x((h + 1) % H)),
  ),
  logitGradient('dLogitScale_scaled', 'dLogitScale is averaged over windows', [1.5, 2.5], (own) =>
    remade(own, (x, h) => x(h) / B),
  ),
  logitGradient(
    'dLogitScale_not_times_scale',
    'dLogitScale is that of the factor, not of its logarithm',
    [1.5, 2.5],
    (own, scale) => remade(own, (x, h) => x(h) / Math.exp(scale[h] as number)),
  ),
  logitGradient(
    'clamp_ignored',
    'dLogitScale is not 0 where the logit scale is cut',
    [1.5, 4.9],
    (_, scale, gradientOf) => gradientOf(scale.map((own) => Math.min(own, LARGEST - 1e-12))),
  ),
];
