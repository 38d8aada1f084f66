import type { WindowAttention } from '../attention/windowAttention.js';
import { gelu } from '../reference/gelu.js';
import { layerNorm } from '../reference/layerNorm.js';
import { linear } from '../reference/linear.js';
import { float64Tensor, product, type Tensor } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import { mergePatches, patchesOf } from './patches.js';
import type { WindowRule } from './stageWindow.js';
import type { Affine, BlockWeights, StageWeights, SwinWeights } from './weights.js';

type Activations = Tensor<Float64Array>;

/** Logits `[B, numLabels]` and, in transformers' order, the embeddings and each stage's output, `[B, tokens, C]`. */
export interface ForwardResult {
  readonly logits: Activations;
  readonly hiddenStates: Activations[];
}

/**
 * A Swin V1 or V2 classifier: patch embedding, stages of blocks with patch merging between, mean over tokens, classifier.
 * `pixels` `[B, channels, H, W]`. Everything but attention in float64. Source: transformers, `SwinForImageClassification`.
 */
export async function swinForward(
  pixels: Float64Array,
  dims: readonly [number, number, number, number],
  architecture: Architecture,
  weights: SwinWeights,
  attention: WindowAttention,
): Promise<ForwardResult> {
  const { patchSize, stages, version, layerNormEps: eps } = architecture;
  const grid = [Math.ceil(dims[2] / patchSize[0]), Math.ceil(dims[3] / patchSize[1])];
  const patches = float64Tensor([dims[0], ...grid, dims[1] * patchSize[0] * patchSize[1]]);
  patchesOf(pixels, dims, patchSize, patches.data);
  let x = affine(patches, weights.patchEmbedding);
  x = normalize(x, weights.embeddingNorm, eps);
  const hiddenStates = [flattenTokens(x)];
  for (const [index, stage] of stages.entries()) {
    const { blocks, downsample, window } = weights.stages[index] as StageWeights;
    for (const [number, block] of blocks.entries()) {
      x = await swinBlock(x, block, stage, { window, version, isShifted: number % 2 === 1, eps }, attention);
    }
    if (downsample) {
      const { norm, reduction } = downsample;
      const [B, H, W, C] = x.dims as [number, number, number, number];
      const merged = float64Tensor([B, Math.ceil(H / 2), Math.ceil(W / 2), 4 * C]);
      mergePatches(x.data, [B, H, W, C], merged.data);
      x =
        version === 1
          ? linear(normalize(merged, norm, eps), reduction)
          : normalize(linear(merged, reduction), norm, eps);
    }
    hiddenStates.push(flattenTokens(x));
  }
  const pooled = meanOfTokens(normalize(x, weights.norm, eps));
  return { logits: affine(pooled, weights.classifier), hiddenStates };
}

interface BlockOptions {
  readonly window: WindowRule;
  readonly version: 1 | 2;
  readonly isShifted: boolean;
  readonly eps: number;
}

/**
 * V1: `x + attention(norm(x))`, then `x + mlp(norm(x))`. V2: `x + norm(attention(x))`, then `x + norm(mlp(x))`.
 * x: `[B, H, W, C]`. Source: Microsoft, `SwinTransformerBlock` of both versions.
 */
async function swinBlock(
  x: Activations,
  weights: BlockWeights,
  stage: StageShape,
  { window, version, isShifted, eps }: BlockOptions,
  attention: WindowAttention,
): Promise<Activations> {
  const [, H, W] = x.dims as [number, number, number, number];
  const before = (y: Activations, norm: Affine) => (version === 1 ? normalize(y, norm, eps) : y);
  const behind = (y: Activations, norm: Affine) => (version === 2 ? normalize(y, norm, eps) : y);
  const o = await attention.shiftedWindowAttention({
    qkv: affine(before(x, weights.norm1), weights.qkv),
    numHeads: stage.numHeads,
    windowSize: window.windowSize,
    shiftSize: isShifted ? window.shiftSize(H, W) : 0,
    relativePositionBias: weights.relativePositionBias,
    logitScale: weights.logitScale,
    paddingQkv: weights.qkv.bias,
  });
  const attended = add(x, behind(affine(o, weights.projection), weights.norm1));
  const hidden = gelu(affine(before(attended, weights.norm2), weights.fc1));
  return add(attended, behind(affine(hidden, weights.fc2), weights.norm2));
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
