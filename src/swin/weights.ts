import { relativePositionBias } from '../reference/relativePositionBias.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import type { StateDict } from './stateDict.js';

type Weight = Tensor<Float32Array>;

export interface Affine {
  readonly weight: Weight;
  readonly bias: Weight;
}

export interface BlockWeights {
  readonly normBefore: Affine;
  /** weight `[3C, C]`, bias `[3C]`, ordered q|k|v. */
  readonly qkv: Affine;
  /** `[numHeads, L, L]`. */
  readonly relativePositionBias: Weight;
  readonly projection: Affine;
  readonly normAfter: Affine;
  readonly fc1: Affine;
  readonly fc2: Affine;
}

export interface StageWeights {
  readonly blocks: readonly BlockWeights[];
  /** Patch merging, between stages: norm over 4C, reduction `[2C, 4C]`. */
  readonly downsample: { readonly norm: Affine; readonly reduction: Weight } | undefined;
}

/** The weights of a Swin V1 classifier, float32, free of any upstream's names. */
export interface SwinWeights {
  /** `[embedDim, numChannels · ph · pw]`: the projection as a linear layer over patches. */
  readonly patchEmbedding: Affine;
  readonly embeddingNorm: Affine;
  readonly stages: readonly StageWeights[];
  readonly norm: Affine;
  readonly classifier: Affine;
}

/**
 * Reads the weights of a transformers `SwinForImageClassification`, by its names before and since version 5.
 * @throws RangeError naming a tensor that is missing, misshapen or has no place.
 */
export function readTransformersWeights(dict: StateDict, architecture: Architecture): SwinWeights {
  const { patchSize, numChannels, stages, labels } = architecture;
  const C = (stages[0] as StageShape).C;
  const embeddings = 'swin.embeddings';
  const projection = affine(dict, `${embeddings}.patch_embeddings.projection`, [C, numChannels, ...patchSize]);
  const last = stages.at(-1) as StageShape;
  const weights: SwinWeights = {
    patchEmbedding: {
      weight: float32Tensor([C, numChannels * patchSize[0] * patchSize[1]], projection.weight.data),
      bias: projection.bias,
    },
    embeddingNorm: affine(dict, `${embeddings}.norm`, [C]),
    stages: stages.map((stage, index) => {
      const prefix = `swin.encoder.layers.${index}`;
      return {
        blocks: Array.from({ length: stage.depth }, (_, block) => {
          return readBlock(dict, `${prefix}.blocks.${block}`, stage, architecture);
        }),
        downsample:
          stage === last
            ? undefined
            : {
                norm: affine(dict, `${prefix}.downsample.norm`, [4 * stage.C]),
                reduction: dict.take(`${prefix}.downsample.reduction.weight`, [2 * stage.C, 4 * stage.C]),
              },
      };
    }),
    norm: affine(dict, 'swin.layernorm', [last.C]),
    classifier: affine(dict, 'classifier', [labels.length, last.C]),
  };
  dict.checkNothingLeft();
  return weights;
}

function readBlock(dict: StateDict, prefix: string, stage: StageShape, architecture: Architecture): BlockWeights {
  const { C, hidden, numHeads } = stage;
  const { windowSize, hasQkvBias } = architecture;
  const attention = `${prefix}.attention`;
  const parts = [
    [`${attention}.self.query`, `${attention}.q_proj`],
    [`${attention}.self.key`, `${attention}.k_proj`],
    [`${attention}.self.value`, `${attention}.v_proj`],
  ].map((names) => ({
    weight: dict.take(suffixed(names, 'weight'), [C, C]),
    bias: hasQkvBias ? dict.take(suffixed(names, 'bias'), [C]) : float32Tensor([C]),
  }));
  const table = dict.take(
    [
      `${attention}.self.relative_position_bias_table`,
      `${attention}.relative_position_bias.relative_position_bias_table`,
    ],
    [(2 * windowSize - 1) ** 2, numHeads],
  );
  const bias = relativePositionBias(table, windowSize);
  return {
    normBefore: affine(dict, `${prefix}.layernorm_before`, [C]),
    qkv: {
      weight: concatenate(
        parts.map(({ weight }) => weight),
        [3 * C, C],
      ),
      bias: concatenate(
        parts.map((part) => part.bias),
        [3 * C],
      ),
    },
    relativePositionBias: float32Tensor(bias.dims, Float32Array.from(bias.data)),
    projection: affine(dict, [`${attention}.output.dense`, `${attention}.o_proj`], [C, C]),
    normAfter: affine(dict, `${prefix}.layernorm_after`, [C]),
    fc1: affine(dict, [`${prefix}.intermediate.dense`, `${prefix}.mlp.fc1`], [hidden, C]),
    fc2: affine(dict, [`${prefix}.output.dense`, `${prefix}.mlp.fc2`], [C, hidden]),
  };
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
  for (const { data } of parts) {
    whole.data.set(data, at);
    at += data.length;
  }
  return whole;
}
