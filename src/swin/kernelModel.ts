import { type CheckedShiftedWindowArgs, checkShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { shiftedWindowAttentionJob } from '../attention/shiftedWindowAttentionJob.js';
import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import type { KernelName } from '../kernel/kernelExports.js';
import { float32Tensor, type Tensor } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import type { ModelOutput } from './forward.js';
import { layerNormJob } from './layerNormJob.js';
import { type LinearCall, linearJob } from './linearJob.js';
import { type PackedBlock, type PackedModel, packModel } from './packedModel.js';
import type { PackedNorm } from './packedWeights.js';
import { mergePatches, patchesOf, patchGrid } from './patches.js';
import { positionEmbeddingsOf } from './positionEmbeddings.js';
import type { StageWeights, SwinWeights } from './weights.js';

/** A feature map in kernel memory: `[B, H, W, C]`. */
interface FeatureMap {
  readonly B: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
}

/** Places of the activations: `x` goes from block to block, the others are of one block. */
interface Arena {
  readonly x: number;
  readonly wide: number;
  readonly narrow: number;
}

/**
 * A Swin whose weights and activations lie in kernel memory, from patches to its outputs. The same steps as
 * `swinForward`, which is its reference.
 */
export class KernelModel {
  readonly #packed: PackedModel;
  readonly #floorsPatches: boolean;
  readonly #positionEmbeddings: SwinWeights['positionEmbeddings'];

  /** @throws RangeError where kernel memory cannot hold the weights. */
  constructor(
    protected readonly kernel: Kernel,
    private readonly architecture: Architecture,
    weights: SwinWeights,
  ) {
    this.#packed = packModel(kernel, weights);
    this.#floorsPatches = weights.floorsPatches;
    this.#positionEmbeddings = weights.positionEmbeddings;
  }

  /** `pixels` `[B, channels, H, W]`. */
  forward(
    pixels: Float32Array,
    dims: readonly [number, number, number, number],
    hasHiddenStates: boolean,
  ): Promise<ModelOutput> {
    return this.kernel.exclusive(() => this.#forward(pixels, dims, hasHiddenStates));
  }

  async #forward(
    pixels: Float32Array,
    dims: readonly [number, number, number, number],
    hasHiddenStates: boolean,
  ): Promise<ModelOutput> {
    const { memory } = this.kernel;
    const { stages, patchSize } = this.architecture;
    const packed = this.#packed;
    const mark = memory.mark();
    try {
      const grid = patchGrid(dims, patchSize, this.#floorsPatches);
      let map: FeatureMap = { B: dims[0], H: grid[0], W: grid[1], C: (stages[0] as StageShape).C };
      const arena = this.#plan(map);
      const patchDim = packed.patchEmbedding.inputs;
      patchesOf(pixels, dims, patchSize, grid, memory.floats(arena.wide, tokensOf(map) * patchDim));
      await this.#linear({ rows: tokensOf(map), layer: packed.patchEmbedding, x: arena.wide, o: arena.narrow });
      await this.#norm(tokensOf(map), packed.embeddingNorm, arena.narrow, 0, arena.x);
      this.#addPositions(map, arena.x);
      const hiddenStates = hasHiddenStates ? [this.#read(arena.x, map)] : undefined;
      const features = new Map<number, Tensor<Float32Array>>();
      await this.#feature(0, map, arena, features);
      for (const [index, stage] of packed.stages.entries()) {
        for (const [number, block] of stage.blocks.entries()) {
          await this.#block(block, stages[index] as StageShape, stage.window, number % 2 === 1, map, arena);
        }
        await this.#feature(index + 1, map, arena, features);
        if (stage.downsample) map = await this.#merge(stage.downsample, map, arena);
        hiddenStates?.push(this.#read(arena.x, map));
      }
      const { head } = packed;
      const output = head.features
        ? { featureMaps: head.features.map(({ stage }) => features.get(stage) as Tensor<Float32Array>) }
        : await this.#head(map, arena);
      return { ...output, ...(hiddenStates && { hiddenStates }) };
    } finally {
      memory.release(mark);
    }
  }

  /** Room for the largest activation of each place, over all stages. */
  #plan(first: FeatureMap): Arena {
    const stages = this.architecture.stages.slice(0, this.#packed.stages.length);
    let map = first;
    let x = tokensOf(map) * map.C;
    let wide = tokensOf(map) * this.#packed.patchEmbedding.inputs;
    let narrow = x;
    for (const [index, { C, hidden }] of stages.entries()) {
      map = index === 0 ? map : halved(map);
      const tokens = tokensOf(map);
      x = Math.max(x, tokens * C);
      // Before a stage, its merged patches have 2C channels.
      wide = Math.max(wide, tokens * 3 * C, tokens * hidden, index === 0 ? 0 : tokens * 2 * C);
      narrow = Math.max(narrow, tokens * C);
    }
    return this.kernel.memory.work({ x: 4 * x, wide: 4 * wide, narrow: 4 * narrow }).at;
  }

  async #block(
    block: PackedBlock,
    { numHeads }: StageShape,
    window: StageWeights['window'],
    isShifted: boolean,
    map: FeatureMap,
    { x, wide, narrow }: Arena,
  ): Promise<void> {
    const rows = tokensOf(map);
    const { B, H, W, C } = map;
    const isV2 = this.architecture.version === 2;
    const before = (norm: PackedNorm) => (isV2 ? undefined : norm);
    await this.#linear({ rows, layer: block.qkv, norm: before(block.norm1), x, o: wide });
    const L = window.windowSize[0] * window.windowSize[1];
    const { memory } = this.kernel;
    const positions = memory.floats(block.relativePositionBias, numHeads * L * L);
    const args = checkShiftedWindowArgs({
      qkv: float32Tensor([B, H, W, 3 * C], memory.floats(wide, rows * 3 * C)),
      numHeads,
      windowSize: window.windowSize,
      ...(isShifted && window.shift(H, W)),
      relativePositionBias: float32Tensor([numHeads, L, L], positions),
      logitScale: block.logitScale,
      paddingQkv: block.paddingQkv,
    });
    await this.attend(args, memory.floats(narrow, rows * C));
    if (isV2) {
      await this.#linear({ rows, layer: block.projection, x: narrow, o: wide });
      await this.#norm(rows, block.norm1, wide, x, x);
    } else await this.#linear({ rows, layer: block.projection, x: narrow, o: x, residual: x });
    await this.#linear({ rows, layer: block.fc1, norm: before(block.norm2), isGelu: true, x, o: wide });
    if (isV2) {
      await this.#linear({ rows, layer: block.fc2, x: wide, o: narrow });
      await this.#norm(rows, block.norm2, narrow, x, x);
    } else await this.#linear({ rows, layer: block.fc2, x: wide, o: x, residual: x });
  }

  async #merge(
    { norm, reduction }: NonNullable<PackedModel['stages'][number]['downsample']>,
    map: FeatureMap,
    { x, wide, narrow }: Arena,
  ): Promise<FeatureMap> {
    const { memory } = this.kernel;
    const merged = halved(map);
    const rows = tokensOf(merged);
    const { B, H, W, C } = map;
    mergePatches(memory.floats(x, tokensOf(map) * C), [B, H, W, C], memory.floats(wide, rows * 4 * C));
    if (this.architecture.version === 1) await this.#linear({ rows, layer: reduction, norm, x: wide, o: x });
    else {
      await this.#linear({ rows, layer: reduction, x: wide, o: narrow });
      await this.#norm(rows, norm, narrow, 0, x);
    }
    return merged;
  }

  #addPositions(map: FeatureMap, x: number): void {
    if (!this.#positionEmbeddings) return;
    const embeddings = positionEmbeddingsOf(this.#positionEmbeddings, map.H, map.W);
    const tokens = this.kernel.memory.floats(x, tokensOf(map) * map.C);
    for (let i = 0; i < tokens.length; i++)
      tokens[i] = (tokens[i] as number) + (embeddings[i % embeddings.length] as number);
  }

  /** Reads the feature map of a stage, where the head has it. */
  async #feature(
    stage: number,
    map: FeatureMap,
    { x, narrow }: Arena,
    features: Map<number, Tensor<Float32Array>>,
  ): Promise<void> {
    const feature = this.#packed.head.features?.find((own) => own.stage === stage);
    if (!feature) return;
    if (feature.norm) await this.#norm(tokensOf(map), feature.norm, x, 0, narrow);
    const { B, H, W, C } = map;
    const tokens = this.kernel.memory.floats(feature.norm ? narrow : x, tokensOf(map) * C);
    features.set(stage, channelsFirst(float32Tensor([B, H, W, C], tokens)));
  }

  /** The last stage's tokens and their mean, or the logits. */
  async #head(map: FeatureMap, { x, narrow, wide }: Arena): Promise<ModelOutput> {
    const { memory } = this.kernel;
    const { B, H, W, C } = map;
    const { norm, classifier } = this.#packed.head;
    if (norm) await this.#norm(tokensOf(map), norm, x, 0, narrow);
    const last = norm ? narrow : x;
    const pooled = memory.floats(wide, B * C);
    const tokens = memory.floats(last, tokensOf(map) * C);
    for (let b = 0; b < B; b++) {
      for (let c = 0; c < C; c++) {
        let sum = 0;
        for (let i = 0; i < H * W; i++) sum += tokens[(b * H * W + i) * C + c] as number;
        pooled[b * C + c] = sum / (H * W);
      }
    }
    if (!classifier) {
      return { lastHiddenState: this.#read(last, map), poolerOutput: float32Tensor([B, C], pooled.slice()) };
    }
    const { at } = memory.work({ logits: 4 * B * classifier.outputs });
    await this.#linear({ rows: B, layer: classifier, x: wide, o: at.logits });
    return { logits: float32Tensor([B, classifier.outputs], memory.floats(at.logits, B * classifier.outputs).slice()) };
  }

  /** From one tensor in kernel memory to another. */
  protected attend(args: CheckedShiftedWindowArgs, out: Float32Array): Promise<void> {
    return this.run(() => shiftedWindowAttentionJob(this.kernel, args, out));
  }

  protected run<K extends KernelName>(prepare: () => Job<K>): Promise<void> {
    return this.kernel.runWithin(prepare);
  }

  #linear(call: LinearCall): Promise<void> {
    return this.run(() => linearJob(this.kernel, call));
  }

  #norm(rows: number, norm: PackedNorm, x: number, residual: number, out: number): Promise<void> {
    return this.run(() => layerNormJob(this.kernel, rows, norm, x, residual, out));
  }

  #read(pointer: number, map: FeatureMap): Tensor<Float32Array> {
    const { B, H, W, C } = map;
    return float32Tensor([B, H * W, C], this.kernel.memory.floats(pointer, tokensOf(map) * C).slice());
  }
}

function tokensOf({ B, H, W }: FeatureMap): number {
  return B * H * W;
}

/** `[B, H, W, C]` → `[B, C, H, W]`. */
function channelsFirst({ data, dims }: Tensor<Float32Array>): Tensor<Float32Array> {
  const [B, H, W, C] = dims as [number, number, number, number];
  const map = float32Tensor([B, C, H, W]);
  for (let plane = 0; plane < B * C; plane++) {
    const first = Math.floor(plane / C) * H * W * C + (plane % C);
    for (let i = 0; i < H * W; i++) map.data[plane * H * W + i] = data[first + i * C] as number;
  }
  return map;
}

/** The feature map behind a patch merging. */
function halved({ B, H, W, C }: FeatureMap): FeatureMap {
  return { B, H: Math.ceil(H / 2), W: Math.ceil(W / 2), C: 2 * C };
}
