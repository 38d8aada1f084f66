import { continuousPositionBias } from '../reference/continuousPositionBias.js';
import { expandTable } from '../reference/relativePositionBias.js';
import { describe, message } from '../tensor/check.js';
import { float32Tensor, reshaped, type Tensor, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import { constant, type Linear, linearLayer, type Norm, norm, suffixed, type Weight } from './layerWeights.js';
import type { BlockNames } from './names.js';
import { joined, type Pending } from './pending.js';
import type { WindowRule } from './stageWindow.js';
import type { StateDict } from './stateDict.js';

export interface BlockWeights {
  /** Before attention in Swin V1, behind it in V2. */
  readonly norm1: Norm;
  /** weight `[3C, C]`, bias `[3C]`, ordered q|k|v. */
  readonly qkv: Linear;
  /** `[numHeads, L, L]`. */
  readonly relativePositionBias: Pending<Tensor<Float32Array>>;
  /** `[numHeads]`, Swin V2 alone. */
  readonly logitScale: Weight | undefined;
  readonly projection: Linear;
  /** Before the MLP in Swin V1, behind it in V2. */
  readonly norm2: Norm;
  readonly fc1: Linear;
  readonly fc2: Linear;
}

/** Most elements of a block's `[numHeads, L, L]`: 256 MiB. A Swin V2's window is bounded by no tensor of its checkpoint. */
const MAX_BIAS = 2 ** 26;

/** @throws RangeError naming a tensor that is missing or misshapen, or a window that is too large. */
export function readBlock(
  dict: StateDict,
  names: BlockNames,
  stage: StageShape,
  window: WindowRule,
  architecture: Architecture,
): BlockWeights {
  const { C, hidden, numHeads } = stage;
  const { layerNormEps: eps } = architecture;
  const isV2 = architecture.version === 2;
  const [Wh, Ww] = window.windowSize;
  if (numHeads * (Wh * Ww) ** 2 > MAX_BIAS) {
    const expected = `windows whose position biases [numHeads, L, L] have at most ${MAX_BIAS} elements`;
    throw new RangeError(message('config.window_size', expected, describe(window.windowSize)));
  }
  return {
    norm1: norm(dict, names.norm1, C, eps),
    qkv: readQkv(dict, names, C, architecture),
    relativePositionBias: isV2
      ? readPositionMlp(dict, names.positionMlp, stage, window)
      : readTable(dict, names.table, numHeads, window),
    logitScale: isV2 ? readLogitScale(dict, names, numHeads) : undefined,
    projection: linearLayer(dict, names.projection, [C, C]),
    norm2: norm(dict, names.norm2, C, eps),
    fc1: linearLayer(dict, names.fc1, [hidden, C]),
    fc2: linearLayer(dict, names.fc2, [C, hidden]),
  };
}

/** Swin V2's keys have no bias; torchvision keeps one, and sets it to zero before use. */
function readQkv(dict: StateDict, names: BlockNames, C: number, { version, hasQkvBias }: Architecture): Linear {
  const zeros = constant(C, 0);
  const isV2 = version === 2;
  if (typeof names.qkv !== 'string') {
    const weight = names.qkv.map((part) => dict.takeMatrix(suffixed(part, 'weight'), [C, C]));
    const biases = names.qkv.map((part, i) => {
      return hasQkvBias && !(isV2 && i === 1) ? dict.take(suffixed(part, 'bias'), [C]) : zeros;
    });
    return { weight, bias: concatenated(biases, 3 * C) };
  }
  const weight = [dict.takeMatrix(`${names.qkv}.weight`, [3 * C, C])];
  if (!hasQkvBias) return { weight, bias: constant(3 * C, 0) };
  if (isV2 && dict.has(names.qBias)) {
    return { weight, bias: concatenated([dict.take(names.qBias, [C]), zeros, dict.take(names.vBias, [C])], 3 * C) };
  }
  const bias = dict.take(`${names.qkv}.bias`, [3 * C]);
  return { weight, bias: isV2 ? bias.map((tensor) => withoutKeys(tensor, C)) : bias };
}

function withoutKeys(bias: TensorLike, C: number): TensorLike {
  const data = toFloat32(bias).slice();
  data.fill(0, C, 2 * C);
  return float32Tensor([3 * C], data);
}

function readLogitScale(dict: StateDict, { logitScale }: BlockNames, numHeads: number): Weight {
  const dims = [numHeads];
  return dict.take(logitScale, [numHeads, 1, 1]).map((tensor) => reshaped(tensor, dims), { dims });
}

function readTable(dict: StateDict, names: readonly string[], numHeads: number, { windowSize }: WindowRule) {
  const [Wh, Ww] = windowSize;
  const table = dict.take(names, [(2 * Wh - 1) * (2 * Ww - 1), numHeads]);
  const expanded = biasOf(numHeads, windowSize);
  return table.map(
    (own) => float32Tensor(expanded.dims, expandTable(toFloat32(own), numHeads, windowSize, Float32Array)),
    expanded,
  );
}

function readPositionMlp(
  dict: StateDict,
  name: string,
  { numHeads, pretrainedWindowSize }: StageShape,
  { windowSize }: WindowRule,
) {
  const hidden = dict.dimsOf(`${name}.0.weight`)[0] ?? 0;
  const layers = [
    dict.take(`${name}.0.weight`, [hidden, 2]),
    dict.take(`${name}.0.bias`, [hidden]),
    dict.take(`${name}.2.weight`, [numHeads, hidden]),
  ];
  return joined(layers, biasOf(numHeads, windowSize), (tensors) => {
    const [weight0, bias0, weight2] = tensors as [TensorLike, TensorLike, TensorLike];
    return rounded(continuousPositionBias({ windowSize, pretrainedWindowSize, weight0, bias0, weight2 }));
  });
}

function biasOf(numHeads: number, [Wh, Ww]: WindowRule['windowSize']) {
  return { dims: [numHeads, Wh * Ww, Wh * Ww] };
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}

function concatenated(parts: readonly Weight[], length: number): Weight {
  const dims = [length];
  return joined(parts, { dims }, (tensors) => {
    const whole = float32Tensor(dims);
    let at = 0;
    for (const tensor of tensors) {
      whole.data.set(toFloat32(tensor), at);
      at += tensor.data.length;
    }
    return whole;
  });
}
