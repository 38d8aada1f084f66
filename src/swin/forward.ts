import type { WindowAttention } from '../attention/windowAttention.js';
import { gelu } from '../reference/gelu.js';
import { layerNorm } from '../reference/layerNorm.js';
import { linear } from '../reference/linear.js';
import { float64Tensor, product, type Tensor } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import { mergePatches, patchesOf } from './patches.js';
import type { Affine, BlockWeights, StageWeights, SwinWeights } from './weights.js';

type Activations = Tensor<Float64Array>;

/** Logits `[B, numLabels]` and, in transformers' order, the embeddings and each stage's output, `[B, tokens, C]`. */
export interface ForwardResult {
  readonly logits: Activations;
  readonly hiddenStates: Activations[];
}

/**
 * A Swin V1 classifier: patch embedding, stages of blocks with patch merging between, mean over tokens, classifier.
 * `pixels` `[B, channels, H, W]`. Everything but attention in float64. Source: transformers, `SwinForImageClassification`.
 */
export async function swinForward(
  pixels: Float64Array,
  dims: readonly [number, number, number, number],
  architecture: Architecture,
  weights: SwinWeights,
  attention: WindowAttention,
): Promise<ForwardResult> {
  const { patchSize, stages, windowSize, layerNormEps: eps } = architecture;
  let x = affine(patchesOf(pixels, dims, patchSize), weights.patchEmbedding);
  x = normalize(x, weights.embeddingNorm, eps);
  const hiddenStates = [flattenTokens(x)];
  for (const [index, stage] of stages.entries()) {
    const { blocks, downsample } = weights.stages[index] as StageWeights;
    for (const [number, block] of blocks.entries()) {
      x = await swinBlock(x, block, stage, { windowSize, isShifted: number % 2 === 1, eps }, attention);
    }
    if (downsample) x = linear(normalize(mergePatches(x), downsample.norm, eps), downsample.reduction);
    hiddenStates.push(flattenTokens(x));
  }
  const pooled = meanOfTokens(normalize(x, weights.norm, eps));
  return { logits: affine(pooled, weights.classifier), hiddenStates };
}

interface BlockOptions {
  readonly windowSize: number;
  readonly isShifted: boolean;
  readonly eps: number;
}

/** `x + attention(norm(x))`, then `x + mlp(norm(x))`. x: `[B, H, W, C]`. Source: Microsoft, `SwinTransformerBlock`. */
async function swinBlock(
  x: Activations,
  weights: BlockWeights,
  stage: StageShape,
  { windowSize, isShifted, eps }: BlockOptions,
  attention: WindowAttention,
): Promise<Activations> {
  const [, H, W] = x.dims as [number, number, number, number];
  const o = await attention.shiftedWindowAttention({
    qkv: affine(normalize(x, weights.normBefore, eps), weights.qkv),
    numHeads: stage.numHeads,
    windowSize,
    // transformers drops the shift along both axes where one window covers either.
    shiftSize: isShifted && Math.min(H, W) > windowSize ? Math.floor(windowSize / 2) : 0,
    relativePositionBias: weights.relativePositionBias,
    paddingQkv: weights.qkv.bias,
  });
  const attended = add(x, affine(o, weights.projection));
  const hidden = gelu(affine(normalize(attended, weights.normAfter, eps), weights.fc1));
  return add(attended, affine(hidden, weights.fc2));
}

function affine(x: Tensor, { weight, bias }: Affine): Activations {
  return linear(x, weight, bias);
}

function normalize(x: Activations, { weight, bias }: Affine, eps: number): Activations {
  return layerNorm(x, weight, bias, eps);
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
