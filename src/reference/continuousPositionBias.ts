import { checkWindowSize, type Size } from '../arguments/shiftedWindowArgs.js';
import { checkDims, checkObject } from '../tensor/check.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { relativePositionBias } from './relativePositionBias.js';

/** Swin V2's position bias network: `Linear(2, hidden) → ReLU → Linear(hidden, H, no bias)`. */
export interface ContinuousPositionBiasArgs {
  readonly windowSize: Size;
  /** Window of the pre-training, whose log-spaced coordinates are kept; 0 (the default) for `windowSize` itself. */
  readonly pretrainedWindowSize?: Size | undefined;
  /** `cpb_mlp.0.weight`, `[hidden, 2]`. */
  readonly weight0: TensorLike;
  /** `cpb_mlp.0.bias`, `[hidden]`. */
  readonly bias0: TensorLike;
  /** `cpb_mlp.2.weight`, `[H, hidden]`. */
  readonly weight2: TensorLike;
}

/**
 * Swin V2's log-spaced continuous position bias, `16 · sigmoid(MLP(Δ))` for every pair of tokens: `[H, L, L]`, float64.
 * Source: Liu et al. 2022, equations 3 and 4; Microsoft Swin-Transformer V2, `relative_coords_table`.
 * @throws TypeError for what is no float tensor; RangeError for sizes that disagree.
 */
export function continuousPositionBias(args: ContinuousPositionBiasArgs): Tensor<Float64Array> {
  checkObject('args', args);
  const windowSize = checkWindowSize(args.windowSize);
  const pretrained = args.pretrainedWindowSize ?? 0;
  const isUnset = pretrained === 0 || (Array.isArray(pretrained) && pretrained.every((size) => size === 0));
  const spacing = isUnset ? windowSize : checkWindowSize(pretrained);
  const weight0 = checkDims('weight0', args.weight0, '[hidden, 2]', [undefined, 2]);
  const hidden = weight0.dims[0] as number;
  const bias0 = toFloat64(checkDims('bias0', args.bias0, '[hidden]', [hidden]));
  const weight2 = checkDims('weight2', args.weight2, '[H, hidden]', [undefined, hidden]);
  const H = weight2.dims[0] as number;
  const w0 = toFloat64(weight0);
  const w2 = toFloat64(weight2);
  const [Wh, Ww] = windowSize;
  const table = float64Tensor([(2 * Wh - 1) * (2 * Ww - 1), H]);
  for (let row = 0; row < (table.dims[0] as number); row++) {
    const y = logCoordinate(Math.floor(row / (2 * Ww - 1)) - Wh + 1, spacing[0]);
    const x = logCoordinate((row % (2 * Ww - 1)) - Ww + 1, spacing[1]);
    const activations = bias0.map((bias, n) => {
      return Math.max(0, (w0[2 * n] as number) * y + (w0[2 * n + 1] as number) * x + bias);
    });
    for (let h = 0; h < H; h++) {
      const sum = activations.reduce((total, a, n) => total + a * (w2[h * hidden + n] as number), 0);
      table.data[row * H + h] = 16 / (1 + Math.exp(-sum));
    }
  }
  return relativePositionBias(table, windowSize);
}

/** `sign(Δ) · log2(1 + |8 Δ / (window − 1)|) / log2 8`; 0 for a window of one token. */
function logCoordinate(delta: number, window: number): number {
  const scaled = window > 1 ? (8 * delta) / (window - 1) : 0;
  return (Math.sign(scaled) * Math.log2(1 + Math.abs(scaled))) / 3;
}
