import { float32Tensor, reshaped, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import { type BlockWeights, readBlock } from './blockWeights.js';
import type { Architecture, StageShape } from './config.js';
import { type HeadRequest, type HeadWeights, purposeOf, readHead } from './head.js';
import { affine, type Linear, type Norm, norm } from './layerWeights.js';
import { isQuantized, type LinearWeight, roundedWeight, stacked, type WeightDType } from './linearWeight.js';
import { type ModelNames, namesOf } from './names.js';
import { joined, type Pending } from './pending.js';
import { type PositionEmbeddings, readPositionEmbeddings } from './positionEmbeddings.js';
import { stageWindow, type WindowRule } from './stageWindow.js';
import type { StateDict } from './stateDict.js';

export interface StageWeights {
  readonly window: WindowRule;
  readonly blocks: readonly BlockWeights[];
  /** Patch merging, between stages: norm over 4C (V1) or 2C (V2), reduction `[2C, 4C]`. */
  readonly downsample: { readonly norm: Norm; readonly reduction: Pending<LinearWeight> } | undefined;
}

/** The weights of a Swin, free of any upstream's names. */
export interface SwinWeights {
  /** `[embedDim, numChannels · ph · pw]`: the projection as a linear layer over patches. */
  readonly patchEmbedding: Linear;
  /** torchvision drops what does not fill a patch; the others pad with zeros. */
  readonly floorsPatches: boolean;
  readonly embeddingNorm: Norm;
  readonly positionEmbeddings: PositionEmbeddings | undefined;
  /** As many as the head needs. */
  readonly stages: readonly StageWeights[];
  readonly head: HeadWeights;
}

/**
 * Reads the weights of a classifier, a model without one or a backbone, by the names of any upstream. Swin V2's position
 * bias is computed here, once. A classifier must use every tensor; the others ignore what surrounds the Swin.
 * @throws RangeError naming a tensor that is missing, misshapen or has no place.
 */
export function readWeights(dict: StateDict, architecture: Architecture, request: HeadRequest): SwinWeights {
  const { patchSize, numChannels, stages } = architecture;
  const names = namesOf(dict);
  const purpose = purposeOf(request);
  const C = (stages[0] as StageShape).C;
  const projection = affine(dict, names.patchProjection, [C, numChannels, ...patchSize]);
  const dims = [C, numChannels * patchSize[0] * patchSize[1]];
  const head = readHead(dict, names, architecture, request);
  const used = stages.slice(0, head.stages);
  const weights: SwinWeights = {
    patchEmbedding: {
      weight: [projection.weight.map((weight) => reshaped(weight, dims), { dims })],
      bias: projection.bias,
    },
    floorsPatches: names.convention === 'torchvision',
    embeddingNorm: norm(dict, names.patchNorm, C, outerEps(names, architecture)),
    positionEmbeddings: readPositionEmbeddings(dict, names, architecture),
    stages: used.map((stage, index) => {
      const window = stageWindow(architecture, index, names.convention, purpose);
      return {
        window,
        blocks: Array.from({ length: stage.depth }, (_, block) =>
          readBlock(dict, names.block(index, block), stage, window, architecture),
        ),
        downsample: index === used.length - 1 ? undefined : readDownsample(dict, names, index, architecture),
      };
    }),
    head,
  };
  const last = purpose === 'model' ? used.length : used.length - 1;
  const blocks = Array.from({ length: last + 1 }, (_, index) => names.blocks(index));
  dict.checkNothingLeft(purpose === 'classifier' ? undefined : blocks);
  return weights;
}

/** The same weights, those of linear layers as the floats that `dtype` makes of them: what a model in float64 computes with. */
export function withRoundedMatrices(weights: SwinWeights, dtype: WeightDType | undefined): SwinWeights {
  const linear = ({ weight, bias }: Linear): Linear => {
    const dims = [weight.reduce((sum, part) => sum + (part.dims[0] as number), 0), weight[0]?.dims[1] as number];
    return { weight: [joined(weight, { dims }, (parts) => roundedWeight(stacked(parts), dtype))], bias };
  };
  const { head } = weights;
  return {
    ...weights,
    stages: weights.stages.map(({ window, blocks, downsample }) => ({
      window,
      blocks: blocks.map((block) => ({
        ...block,
        qkv: linear(block.qkv),
        projection: linear(block.projection),
        fc1: linear(block.fc1),
        fc2: linear(block.fc2),
      })),
      downsample: downsample && {
        ...downsample,
        reduction: downsample.reduction.map((weight) => roundedWeight(weight, dtype)),
      },
    })),
    head: { ...head, classifier: head.classifier && linear(head.classifier) },
  };
}

/** transformers gives `layer_norm_eps` to the norms of blocks and the last one alone; the others' is PyTorch's default. */
export function outerEps({ convention }: ModelNames, { layerNormEps }: Architecture): number {
  return convention === 'transformers' ? 1e-5 : layerNormEps;
}

function readDownsample(dict: StateDict, names: ModelNames, stage: number, architecture: Architecture) {
  const { version, stages } = architecture;
  const { C } = stages[stage] as StageShape;
  const prefix = names.downsample(stage);
  const own = norm(dict, `${prefix}.norm`, version === 1 ? 4 * C : 2 * C, outerEps(names, architecture));
  const reduction = dict.takeMatrix(`${prefix}.reduction.weight`, [2 * C, 4 * C]);
  if (names.convention !== 'openmmlab') return { norm: own, reduction };
  return {
    norm: version === 1 ? { ...own, weight: own.weight.map(mergedOrder), bias: own.bias.map(mergedOrder) } : own,
    reduction: reduction.map(mergedOrder),
  };
}

/**
 * The last axis, `[…, 4C]`, from the order of `torch.unfold`, channels first and then the neighbourhood by rows, to the
 * order of `mergePatches`. Source: MMDetection, `swin_converter`, the other way round.
 */
function mergedOrder<W extends LinearWeight>(weight: W): W | TensorLike {
  if (isQuantized(weight)) return { ...weight, data: reordered(weight.data, weight.dims[1]) };
  return float32Tensor(weight.dims, reordered(toFloat32(weight), weight.dims.at(-1) as number));
}

function reordered<A extends Float32Array | Int8Array>(data: A, width: number): A {
  const C = width / 4;
  const ordered = data.slice() as A;
  for (let at = 0; at < data.length; at += width) {
    [0, 2, 1, 3].forEach((from, to) => {
      for (let c = 0; c < C; c++) ordered[at + to * C + c] = data[at + 4 * c + from] as number;
    });
  }
  return ordered;
}
