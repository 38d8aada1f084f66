import { float32Tensor, product, type Tensor, widen } from '../tensor/tensor.js';
import type { Linear, Norm, Weight } from './layerWeights.js';
import type { WeightDType } from './linearWeight.js';
import type { PackedLinear, PackedNorm, PackedWeights } from './packedWeights.js';
import type { PositionEmbeddings } from './positionEmbeddings.js';
import type { StageWeights, SwinWeights } from './weights.js';

export interface PackedBlock {
  readonly norm1: PackedNorm;
  readonly qkv: PackedLinear;
  /** Pointer to `[numHeads, L, L]`. */
  readonly relativePositionBias: number;
  readonly logitScale: Tensor<Float32Array> | undefined;
  readonly paddingQkv: Tensor<Float32Array>;
  readonly projection: PackedLinear;
  readonly norm2: PackedNorm;
  readonly fc1: PackedLinear;
  readonly fc2: PackedLinear;
}

/** `SwinWeights` in kernel memory, where they are once all have come. */
export interface PackedModel {
  readonly patchEmbedding: PackedLinear;
  readonly embeddingNorm: PackedNorm;
  readonly positionEmbeddings: PositionEmbeddings<Float64Array> | undefined;
  readonly stages: readonly {
    readonly window: StageWeights['window'];
    readonly blocks: readonly PackedBlock[];
    readonly downsample: { readonly norm: PackedNorm; readonly reduction: PackedLinear } | undefined;
  }[];
  readonly head: {
    readonly norm: PackedNorm | undefined;
    readonly classifier: PackedLinear | undefined;
    readonly features: readonly { readonly stage: number; readonly norm: PackedNorm | undefined }[] | undefined;
  };
}

/**
 * Reserves a place for all weights, where they are packed as they come; those of linear layers as `dtype`. The patch
 * embedding, a convolution, stays float32.
 * @throws RangeError where memory cannot grow so far, or for weights that int8 cannot hold.
 */
export function packModel(packed: PackedWeights, weights: SwinWeights, dtype: WeightDType | undefined): PackedModel {
  const linear = (layer: Linear) => packed.linear(layer, dtype);
  const norm = (own: Norm) => packed.norm(own);
  const { head, patchEmbedding, positionEmbeddings } = weights;
  return {
    patchEmbedding: packed.linear(patchEmbedding, 'float32'),
    embeddingNorm: norm(weights.embeddingNorm),
    positionEmbeddings: positionEmbeddings && copiedEmbeddings(positionEmbeddings),
    stages: weights.stages.map(({ window, blocks, downsample }) => ({
      window,
      blocks: blocks.map((block) => ({
        norm1: norm(block.norm1),
        qkv: linear(block.qkv),
        relativePositionBias: packed.place(block.relativePositionBias),
        logitScale: block.logitScale && copied(block.logitScale),
        paddingQkv: copied(block.qkv.bias),
        projection: linear(block.projection),
        norm2: norm(block.norm2),
        fc1: linear(block.fc1),
        fc2: linear(block.fc2),
      })),
      downsample: downsample && {
        norm: norm(downsample.norm),
        reduction: packed.linear({ weight: [downsample.reduction], bias: undefined }, dtype),
      },
    })),
    head: {
      norm: head.norm && norm(head.norm),
      classifier: head.classifier && linear(head.classifier),
      features: head.features?.map((feature) => ({ stage: feature.stage, norm: feature.norm && norm(feature.norm) })),
    },
  };
}

function copiedEmbeddings(embeddings: PositionEmbeddings): PositionEmbeddings<Float64Array> {
  const values = new Float64Array(product(embeddings.values.dims));
  embeddings.values.use((own) => values.set(own));
  return { ...embeddings, values };
}

/** Elements of its own: those of a file that was given as bytes would keep all of it. */
function copied(tensor: Weight): Tensor<Float32Array> {
  const copy = float32Tensor(tensor.dims);
  tensor.use((own) => widen(own, copy.data));
  return copy;
}
