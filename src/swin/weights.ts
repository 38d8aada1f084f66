import { continuousPositionBias } from '../reference/continuousPositionBias.js';
import { relativePositionBias } from '../reference/relativePositionBias.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import { type BlockNames, type ModelNames, namesOf } from './names.js';
import { stageWindow, type WindowRule } from './stageWindow.js';
import type { StateDict } from './stateDict.js';

/** A weight as it came: float32, float16 or bfloat16. */
export type Weight = TensorLike;

/** A linear layer or a layer norm. */
export interface Affine {
  readonly weight: Weight;
  readonly bias: Weight;
}

export interface BlockWeights {
  /** Before attention in Swin V1, behind it in V2. */
  readonly norm1: Affine;
  /** weight `[3C, C]`, bias `[3C]`, ordered q|k|v. */
  readonly qkv: Affine;
  /** `[numHeads, L, L]`. */
  readonly relativePositionBias: Tensor<Float32Array>;
  /** `[numHeads]`, Swin V2 alone. */
  readonly logitScale: Weight | undefined;
  readonly projection: Affine;
  /** Before the MLP in Swin V1, behind it in V2. */
  readonly norm2: Affine;
  readonly fc1: Affine;
  readonly fc2: Affine;
}

export interface StageWeights {
  readonly window: WindowRule;
  readonly blocks: readonly BlockWeights[];
  /** Patch merging, between stages: norm over 4C (V1) or 2C (V2), reduction `[2C, 4C]`. */
  readonly downsample: { readonly norm: Affine; readonly reduction: Weight } | undefined;
}

/** The weights of a Swin classifier, free of any upstream's names. */
export interface SwinWeights {
  /** `[embedDim, numChannels · ph · pw]`: the projection as a linear layer over patches. */
  readonly patchEmbedding: Affine;
  readonly embeddingNorm: Affine;
  readonly stages: readonly StageWeights[];
  readonly norm: Affine;
  readonly classifier: Affine;
}

/**
 * Reads the weights of a classifier by the names of transformers, torchvision, timm or Microsoft. Swin V2's position
 * bias is computed here, once.
 * @throws RangeError naming a tensor that is missing, misshapen or has no place.
 */
export function readWeights(dict: StateDict, architecture: Architecture): SwinWeights {
  const { patchSize, numChannels, stages, labels, version } = architecture;
  const names = namesOf(dict, version);
  const C = (stages[0] as StageShape).C;
  const projection = affine(dict, names.patchProjection, [C, numChannels, ...patchSize]);
  const last = stages.at(-1) as StageShape;
  const weights: SwinWeights = {
    patchEmbedding: {
      weight: { ...projection.weight, dims: [C, numChannels * patchSize[0] * patchSize[1]] },
      bias: projection.bias,
    },
    embeddingNorm: affine(dict, names.patchNorm, [C]),
    stages: stages.map((stage, index) => {
      const window = stageWindow(architecture, index, names.convention);
      return {
        window,
        blocks: Array.from({ length: stage.depth }, (_, block) =>
          readBlock(dict, names.block(index, block), stage, index, window, architecture),
        ),
        downsample: stage === last ? undefined : readDownsample(dict, names, index, stage.C, version),
      };
    }),
    norm: affine(dict, names.norm, [last.C]),
    classifier: affine(dict, names.classifier, [labels.length, last.C]),
  };
  dict.checkNothingLeft();
  return weights;
}

function readDownsample(dict: StateDict, names: ModelNames, stage: number, C: number, version: 1 | 2) {
  const prefix = names.downsample(stage);
  return {
    norm: affine(dict, `${prefix}.norm`, [version === 1 ? 4 * C : 2 * C]),
    reduction: dict.take(`${prefix}.reduction.weight`, [2 * C, 4 * C]),
  };
}

function readBlock(
  dict: StateDict,
  names: BlockNames,
  stage: StageShape,
  index: number,
  window: WindowRule,
  architecture: Architecture,
): BlockWeights {
  const { C, hidden, numHeads } = stage;
  const isV2 = architecture.version === 2;
  return {
    norm1: affine(dict, names.norm1, [C]),
    qkv: readQkv(dict, names, C, architecture),
    relativePositionBias: isV2
      ? readPositionMlp(dict, names.positionMlp, stage, index, window, architecture)
      : readTable(dict, names.table, numHeads, window),
    logitScale: isV2 ? { ...dict.take(names.logitScale, [numHeads, 1, 1]), dims: [numHeads] } : undefined,
    projection: affine(dict, names.projection, [C, C]),
    norm2: affine(dict, names.norm2, [C]),
    fc1: affine(dict, names.fc1, [hidden, C]),
    fc2: affine(dict, names.fc2, [C, hidden]),
  };
}

/** Swin V2's keys have no bias; torchvision keeps one, and sets it to zero before use. */
function readQkv(dict: StateDict, names: BlockNames, C: number, { version, hasQkvBias }: Architecture): Affine {
  const zeros = float32Tensor([C]);
  const isV2 = version === 2;
  if (typeof names.qkv !== 'string') {
    const weights = names.qkv.map((part) => dict.take(suffixed(part, 'weight'), [C, C]));
    const biases = names.qkv.map((part, i) => {
      return hasQkvBias && !(isV2 && i === 1) ? dict.take(suffixed(part, 'bias'), [C]) : zeros;
    });
    return { weight: concatenate(weights, [3 * C, C]), bias: concatenate(biases, [3 * C]) };
  }
  const weight = dict.take(`${names.qkv}.weight`, [3 * C, C]);
  if (!hasQkvBias) return { weight, bias: float32Tensor([3 * C]) };
  if (isV2 && dict.has(names.qBias)) {
    return { weight, bias: concatenate([dict.take(names.qBias, [C]), zeros, dict.take(names.vBias, [C])], [3 * C]) };
  }
  const bias = dict.take(`${names.qkv}.bias`, [3 * C]);
  if (!isV2) return { weight, bias };
  const data = toFloat32(bias).slice();
  data.fill(0, C, 2 * C);
  return { weight, bias: float32Tensor([3 * C], data) };
}

function readTable(dict: StateDict, names: readonly string[], numHeads: number, { windowSize }: WindowRule) {
  const [Wh, Ww] = windowSize;
  const table = dict.take(names, [(2 * Wh - 1) * (2 * Ww - 1), numHeads]);
  return rounded(relativePositionBias(table, windowSize));
}

function readPositionMlp(
  dict: StateDict,
  name: string,
  { numHeads }: StageShape,
  index: number,
  { windowSize }: WindowRule,
  { pretrainedWindowSizes }: Architecture,
) {
  const hidden = dict.sizeOf(`${name}.0.weight`, 0);
  return rounded(
    continuousPositionBias({
      windowSize,
      pretrainedWindowSize: pretrainedWindowSizes[index] ?? 0,
      weight0: dict.take(`${name}.0.weight`, [hidden, 2]),
      bias0: dict.take(`${name}.0.bias`, [hidden]),
      weight2: dict.take(`${name}.2.weight`, [numHeads, hidden]),
    }),
  );
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}

/** `weight` of these dims and `bias` of the first of them. */
function affine(dict: StateDict, names: string | readonly string[], dims: readonly number[]): Affine {
  const candidates = typeof names === 'string' ? [names] : names;
  return {
    weight: dict.take(suffixed(candidates, 'weight'), dims),
    bias: dict.take(suffixed(candidates, 'bias'), dims.slice(0, 1)),
  };
}

function suffixed(names: readonly string[], suffix: string): string[] {
  return names.map((name) => `${name}.${suffix}`);
}

function concatenate(parts: readonly Weight[], dims: readonly number[]): Weight {
  const whole = float32Tensor(dims);
  let at = 0;
  for (const part of parts) {
    whole.data.set(toFloat32(part), at);
    at += part.data.length;
  }
  return whole;
}
