import { float32Tensor, type Tensor, toFloat32 } from '../tensor/tensor.js';
import type { Linear, Norm, Weight } from './layerWeights.js';
import type { WeightDType } from './linearWeight.js';
import type { PackedLinear, PackedNorm, PackedWeights } from './packedWeights.js';
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

/** `SwinWeights` in kernel memory. */
export interface PackedModel {
  readonly patchEmbedding: PackedLinear;
  readonly embeddingNorm: PackedNorm;
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
 * Packs all weights into `packed`, those of linear layers as `dtype`. The patch embedding, a convolution, stays float32.
 * @throws RangeError where memory cannot grow so far, or for weights that int8 cannot hold.
 */
export function packModel(packed: PackedWeights, weights: SwinWeights, dtype: WeightDType | undefined): PackedModel {
  const linear = ({ weight, bias }: Linear) => packed.linear(weight, bias, dtype);
  const norm = (own: Norm) => packed.norm(own);
  const { head } = weights;
  return {
    patchEmbedding: packed.linear(weights.patchEmbedding.weight, weights.patchEmbedding.bias),
    embeddingNorm: norm(weights.embeddingNorm),
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
        reduction: packed.linear(downsample.reduction, undefined, dtype),
      },
    })),
    head: {
      norm: head.norm && norm(head.norm),
      classifier: head.classifier && linear(head.classifier),
      features: head.features?.map((feature) => ({ stage: feature.stage, norm: feature.norm && norm(feature.norm) })),
    },
  };
}

/** Elements of its own: those of a file that was given as bytes would keep all of it. */
function copied(tensor: Weight): Tensor<Float32Array> {
  return float32Tensor(tensor.dims, toFloat32(tensor).slice());
}
