import type { WindowAttention } from '../attention/interface.js';
import { gelu } from '../reference/gelu.js';
import { layerNorm } from '../reference/layerNorm.js';
import { linear } from '../reference/linear.js';
import type { AbortSignalLike } from '../tensor/abortSignal.js';
import { float64Tensor, product, type Tensor } from '../tensor/tensor.js';
import type { BlockWeights } from './blockWeights.js';
import type { Architecture, StageShape } from './config.js';
import type { Linear, Norm } from './layerWeights.js';
import { floats, stacked } from './linearWeight.js';
import { mergePatches, patchesOf, patchGrid } from './patches.js';
import { positionEmbeddingsOf } from './positionEmbeddings.js';
import type { WindowRule } from './stageWindow.js';
import type { SwinWeights } from './weights.js';

type Activations = Tensor<Float64Array>;

/** What a model returns, as far as it has a head for it and it was asked for. */
export interface ModelOutput<T extends Float32Array | Float64Array = Float32Array> {
  /** `[B, numLabels]`. */
  readonly logits?: Tensor<T>;
  /** `[B, tokens, C]`, normed where the model has a norm there. */
  readonly lastHiddenState?: Tensor<T>;
  /** Its mean over tokens, `[B, C]`. */
  readonly poolerOutput?: Tensor<T>;
  /** `[B, C, H, W]` each. */
  readonly featureMaps?: readonly Tensor<T>[];
  /** In transformers' order the embeddings and each stage's output, `[B, tokens, C]`. */
  readonly hiddenStates?: readonly Tensor<T>[];
}

/**
 * A Swin V1 or V2: patch embedding, stages of blocks with patch merging between, and the head of a classifier, a model or
 * a backbone. `pixels` `[B, channels, H, W]`. Everything but attention in float64.
 * Source: transformers, `SwinForImageClassification`, `SwinModel`, `SwinBackbone`.
 * @throws RangeError for an image that the model cannot take.
 */
export async function swinForward(
  pixels: Float64Array,
  dims: readonly [number, number, number, number],
  architecture: Architecture,
  weights: SwinWeights,
  attention: WindowAttention,
  signal?: AbortSignalLike | undefined,
): Promise<ModelOutput<Float64Array>> {
  const { stages, version } = architecture;
  const { head } = weights;
  let x = embed(pixels, dims, architecture, weights);
  const hiddenStates = [flattenTokens(x)];
  const features = new Map([[0, x]]);
  for (const [index, { blocks, downsample, window }] of weights.stages.entries()) {
    for (const [number, block] of blocks.entries()) {
      x = await swinBlock(
        x,
        block,
        stages[index] as StageShape,
        { window, version, isShifted: number % 2 === 1, signal },
        attention,
      );
    }
    features.set(index + 1, x);
    if (downsample) {
      const { norm, reduction } = downsample;
      const matrix = floats(reduction.value);
      const [B, H, W, C] = x.dims as [number, number, number, number];
      const merged = float64Tensor([B, Math.ceil(H / 2), Math.ceil(W / 2), 4 * C]);
      mergePatches(x.data, [B, H, W, C], merged.data);
      x = version === 1 ? linear(normalize(merged, norm), matrix) : normalize(linear(merged, matrix), norm);
    }
    hiddenStates.push(flattenTokens(x));
  }
  if (head.features) {
    const featureMaps = head.features.map(({ stage, norm }) => {
      const map = features.get(stage) as Activations;
      return channelsFirst(norm ? normalize(map, norm) : map);
    });
    return { featureMaps, hiddenStates };
  }
  const last = head.norm ? normalize(x, head.norm) : x;
  const poolerOutput = meanOfTokens(last);
  return {
    ...(head.classifier && { logits: affine(poolerOutput, head.classifier) }),
    lastHiddenState: flattenTokens(last),
    poolerOutput,
    hiddenStates,
  };
}

/** Patch embedding, its norm, and position embeddings: `[B, rows, columns, C]`. */
function embed(
  pixels: Float64Array,
  dims: readonly [number, number, number, number],
  { patchSize }: Architecture,
  { patchEmbedding, embeddingNorm, positionEmbeddings, floorsPatches }: SwinWeights,
): Activations {
  const grid = patchGrid(dims, patchSize, floorsPatches);
  const patches = float64Tensor([dims[0], ...grid, dims[1] * patchSize[0] * patchSize[1]]);
  patchesOf(pixels, dims, patchSize, grid, patches.data);
  const x = normalize(affine(patches, patchEmbedding), embeddingNorm);
  if (!positionEmbeddings) return x;
  const values = positionEmbeddings.values.value;
  const embeddings = positionEmbeddingsOf({ ...positionEmbeddings, values }, ...grid);
  return float64Tensor(
    x.dims,
    x.data.map((value, i) => value + (embeddings[i % embeddings.length] as number)),
  );
}

interface BlockOptions {
  readonly window: WindowRule;
  readonly version: 1 | 2;
  readonly isShifted: boolean;
  readonly signal: AbortSignalLike | undefined;
}

/**
 * V1: `x + attention(norm(x))`, then `x + mlp(norm(x))`. V2: `x + norm(attention(x))`, then `x + norm(mlp(x))`.
 * x: `[B, H, W, C]`. Source: Microsoft, `SwinTransformerBlock` of both versions.
 */
async function swinBlock(
  x: Activations,
  weights: BlockWeights,
  stage: StageShape,
  { window, version, isShifted, signal }: BlockOptions,
  attention: WindowAttention,
): Promise<Activations> {
  const [, H, W] = x.dims as [number, number, number, number];
  const before = (y: Activations, norm: Norm) => (version === 1 ? normalize(y, norm) : y);
  const behind = (y: Activations, norm: Norm) => (version === 2 ? normalize(y, norm) : y);
  const args = {
    qkv: affine(before(x, weights.norm1), weights.qkv),
    numHeads: stage.numHeads,
    windowSize: window.windowSize,
    ...(isShifted && window.shift(H, W)),
    relativePositionBias: weights.relativePositionBias.value,
    logitScale: weights.logitScale?.value,
    paddingQkv: weights.qkv.bias.value,
  };
  const o = await attention.shiftedWindowAttention(args, { signal });
  const attended = add(x, behind(affine(o, weights.projection), weights.norm1));
  const hidden = gelu(affine(before(attended, weights.norm2), weights.fc1));
  return add(attended, behind(affine(hidden, weights.fc2), weights.norm2));
}

function affine(x: Tensor, { weight, bias }: Linear): Activations {
  return linear(x, floats(stacked(weight.map((part) => part.value))), bias.value);
}

function normalize(x: Activations, { weight, bias, eps }: Norm): Activations {
  return layerNorm(x, weight.value, bias.value, eps);
}

function add(a: Activations, b: Activations): Activations {
  return float64Tensor(
    a.dims,
    a.data.map((value, i) => value + (b.data[i] as number)),
  );
}

/** `[B, H, W, C]` → `[B, H·W, C]`. */
function flattenTokens({ data, dims }: Activations): Activations {
  const [B, H, W, C] = dims as [number, number, number, number];
  return float64Tensor([B, H * W, C], data);
}

/** `[B, H, W, C]` → `[B, C, H, W]`. */
function channelsFirst({ data, dims }: Activations): Activations {
  const [B, H, W, C] = dims as [number, number, number, number];
  const map = float64Tensor([B, C, H, W]);
  data.forEach((value, i) => {
    const token = Math.floor(i / C);
    map.data[(Math.floor(token / (H * W)) * C + (i % C)) * H * W + (token % (H * W))] = value;
  });
  return map;
}

/** `[B, H, W, C]` → `[B, C]`. */
function meanOfTokens(x: Activations): Activations {
  const [B, H, W, C] = x.dims as [number, number, number, number];
  const mean = float64Tensor([B, C]);
  for (let i = 0; i < product(x.dims); i++) {
    const to = Math.floor(i / (H * W * C)) * C + (i % C);
    mean.data[to] = (mean.data[to] as number) + (x.data[i] as number) / (H * W);
  }
  return mean;
}
