import { type CheckedShiftedWindowArgs, checkShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { shiftedWindowAttentionJob } from '../attention/shiftedWindowAttention.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import type { KernelName } from '../kernel/schema.js';
import type { AbortSignalLike } from '../tensor/abortSignal.js';
import { type CheckedTensor, checkTensor } from '../tensor/check.js';
import { float32Tensor, type Tensor, toFloat32 } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import { channelsFirst, type FeatureMap, halved, tokensOf } from './featureMap.js';
import type { ModelOutput } from './forward.js';
import { layerNormJob } from './layerNormJob.js';
import { type LinearStep, linearJob } from './linearJob.js';
import type { WeightDType } from './linearWeight.js';
import { type ModelKernels, modelKernels } from './modelKernels.js';
import { type PackedBlock, type PackedModel, packModel } from './packedModel.js';
import { type PackedNorm, PackedWeights } from './packedWeights.js';
import { mergePatches, patchesOf, patchGrid } from './patches.js';
import { positionEmbeddingsOf } from './positionEmbeddings.js';
import type { StageWeights, SwinWeights } from './weights.js';

/** Places of the activations: `x` goes from block to block, the others are of one block. */
interface Arena {
  readonly x: number;
  readonly wide: number;
  readonly narrow: number;
  /** Floats that `wide` has room for. */
  readonly wideLength: number;
}

/**
 * A Swin whose weights and activations lie in kernel memory, from patches to its outputs. The same steps as
 * `swinForward`, which is its reference.
 */
export class KernelModel {
  readonly #packed: PackedModel;
  readonly #floorsPatches: boolean;

  readonly #weights: PackedWeights;
  #isDisposed = false;

  /** @throws RangeError where kernel memory cannot hold the weights. */
  protected constructor(
    protected readonly core: KernelCore,
    private readonly kernels: ModelKernels,
    private readonly architecture: Architecture,
    weights: SwinWeights,
    dtype: WeightDType | undefined,
  ) {
    this.#weights = new PackedWeights(core, kernels);
    try {
      this.#packed = packModel(this.#weights, weights, dtype);
    } catch (error) {
      this.#weights.release();
      throw error;
    }
    this.#floorsPatches = weights.floorsPatches;
  }

  /**
   * `weights` are packed as they come, and all must have come before `forward`. Rejects with RangeError where kernel memory cannot hold
   * the weights, with Error where the engine was disposed of.
   */
  static async create(
    core: KernelCore,
    architecture: Architecture,
    weights: SwinWeights,
    dtype?: WeightDType | undefined,
  ): Promise<KernelModel> {
    return new this(core, await modelKernels(core), architecture, weights, dtype);
  }

  /** `pixelValues` `[B, channels, H, W]`. Rejects with Error once the model or its engine was disposed of. */
  async forward(
    pixelValues: CheckedTensor,
    hasHiddenStates: boolean,
    signal?: AbortSignalLike | undefined,
  ): Promise<ModelOutput> {
    if (this.#isDisposed) throw new Error('this model was disposed');
    return this.core.call((call) => this.#forward(call, pixelValues, hasHiddenStates), signal);
  }

  /** Frees the weights behind the calls made so far; later ones reject. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // A closed engine has no memory to free.
    await this.core.call(() => this.#weights.release()).catch(() => {});
  }

  async #forward(call: KernelCall, pixelValues: CheckedTensor, hasHiddenStates: boolean): Promise<ModelOutput> {
    const { memory } = this.core;
    const dims = pixelValues.dims as [number, number, number, number];
    const { stages, patchSize } = this.architecture;
    const packed = this.#packed;
    const grid = patchGrid(dims, patchSize, this.#floorsPatches);
    let map: FeatureMap = { B: dims[0], H: grid[0], W: grid[1], C: (stages[0] as StageShape).C };
    const arena = this.#plan(call, map);
    const patchDim = packed.patchEmbedding.inputs;
    patchesOf(toFloat32(pixelValues), dims, patchSize, grid, memory.floats(arena.wide, tokensOf(map) * patchDim));
    await this.linear(call, { rows: tokensOf(map), layer: packed.patchEmbedding, x: arena.wide, o: arena.narrow });
    await this.#norm(call, tokensOf(map), packed.embeddingNorm, arena.narrow, 0, arena.x);
    this.#addPositions(map, arena.x);
    const hiddenStates = hasHiddenStates ? [this.#read(arena.x, map)] : undefined;
    const features = new Map<number, Tensor<Float32Array>>();
    await this.#feature(call, 0, map, arena, features);
    for (const [index, stage] of packed.stages.entries()) {
      for (const [number, block] of stage.blocks.entries()) {
        await this.#block(call, block, stages[index] as StageShape, stage.window, number % 2 === 1, map, arena);
      }
      await this.#feature(call, index + 1, map, arena, features);
      if (stage.downsample) map = await this.#merge(call, stage.downsample, map, arena);
      hiddenStates?.push(this.#read(arena.x, map));
    }
    const { head } = packed;
    const output = head.features
      ? { featureMaps: head.features.map(({ stage }) => features.get(stage) as Tensor<Float32Array>) }
      : await this.#head(call, map, arena);
    return { ...output, ...(hiddenStates && { hiddenStates }) };
  }

  /** Room for the largest activation of each place, over all stages. */
  #plan(call: KernelCall, first: FeatureMap): Arena {
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
      wide = Math.max(wide, tokens * 3 * C, hidden, index === 0 ? 0 : tokens * 2 * C);
      narrow = Math.max(narrow, tokens * C);
    }
    return { ...call.work({ x: 4 * x, wide: 4 * wide, narrow: 4 * narrow }).at, wideLength: wide };
  }

  async #block(
    call: KernelCall,
    block: PackedBlock,
    { numHeads }: StageShape,
    window: StageWeights['window'],
    isShifted: boolean,
    map: FeatureMap,
    arena: Arena,
  ): Promise<void> {
    const { x, wide, narrow } = arena;
    const rows = tokensOf(map);
    const { B, H, W, C } = map;
    const isV2 = this.architecture.version === 2;
    await this.linear(call, { rows, layer: block.qkv, norm: isV2 ? undefined : block.norm1, x, o: wide });
    const L = window.windowSize[0] * window.windowSize[1];
    const { memory } = this.core;
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
    const out = float32Tensor([B, H, W, C], memory.floats(narrow, rows * C));
    await this.attend(call, args, checkTensor('out', out));
    if (isV2) {
      await this.linear(call, { rows, layer: block.projection, x: narrow, o: wide });
      await this.#norm(call, rows, block.norm1, wide, x, x);
    } else await this.linear(call, { rows, layer: block.projection, x: narrow, o: x, residual: x });
    await this.#mlp(call, block, rows, arena);
  }

  /** In as many blocks of rows as let the hidden layer fit into `wide`, which need not be larger than q|k|v for it. */
  async #mlp(call: KernelCall, { fc1, fc2, norm2 }: PackedBlock, rows: number, arena: Arena): Promise<void> {
    const { wide, narrow } = arena;
    const blocks = Math.ceil(rows / Math.floor(arena.wideLength / fc1.outputs));
    const rowsOfBlock = Math.ceil(rows / blocks);
    for (let row = 0; row < rows; row += rowsOfBlock) {
      const own = Math.min(rowsOfBlock, rows - row);
      const x = arena.x + 4 * row * fc1.inputs;
      if (this.architecture.version === 1) {
        await this.linear(call, { rows: own, layer: fc1, norm: norm2, isGelu: true, x, o: wide });
        await this.linear(call, { rows: own, layer: fc2, x: wide, o: x, residual: x });
      } else {
        await this.linear(call, { rows: own, layer: fc1, isGelu: true, x, o: wide });
        await this.linear(call, { rows: own, layer: fc2, x: wide, o: narrow });
        await this.#norm(call, own, norm2, narrow, x, x);
      }
    }
  }

  async #merge(
    call: KernelCall,
    { norm, reduction }: NonNullable<PackedModel['stages'][number]['downsample']>,
    map: FeatureMap,
    { x, wide, narrow }: Arena,
  ): Promise<FeatureMap> {
    const { memory } = this.core;
    const merged = halved(map);
    const rows = tokensOf(merged);
    const { B, H, W, C } = map;
    mergePatches(memory.floats(x, tokensOf(map) * C), [B, H, W, C], memory.floats(wide, rows * 4 * C));
    if (this.architecture.version === 1) await this.linear(call, { rows, layer: reduction, norm, x: wide, o: x });
    else {
      await this.linear(call, { rows, layer: reduction, x: wide, o: narrow });
      await this.#norm(call, rows, norm, narrow, 0, x);
    }
    return merged;
  }

  #addPositions(map: FeatureMap, x: number): void {
    const { positionEmbeddings } = this.#packed;
    if (!positionEmbeddings) return;
    const embeddings = positionEmbeddingsOf(positionEmbeddings, map.H, map.W);
    const tokens = this.core.memory.floats(x, tokensOf(map) * map.C);
    for (let i = 0; i < tokens.length; i++)
      tokens[i] = (tokens[i] as number) + (embeddings[i % embeddings.length] as number);
  }

  /** Reads the feature map of a stage, where the head has it. */
  async #feature(
    call: KernelCall,
    stage: number,
    map: FeatureMap,
    { x, narrow }: Arena,
    features: Map<number, Tensor<Float32Array>>,
  ): Promise<void> {
    const feature = this.#packed.head.features?.find((own) => own.stage === stage);
    if (!feature) return;
    if (feature.norm) await this.#norm(call, tokensOf(map), feature.norm, x, 0, narrow);
    const { B, H, W, C } = map;
    const tokens = this.core.memory.floats(feature.norm ? narrow : x, tokensOf(map) * C);
    features.set(stage, channelsFirst(float32Tensor([B, H, W, C], tokens)));
  }

  /** The last stage's tokens and their mean, or the mean and the logits. */
  async #head(call: KernelCall, map: FeatureMap, { x, narrow, wide }: Arena): Promise<ModelOutput> {
    const { memory } = this.core;
    const { B, H, W, C } = map;
    const { norm, classifier } = this.#packed.head;
    if (norm) await this.#norm(call, tokensOf(map), norm, x, 0, narrow);
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
    const poolerOutput = float32Tensor([B, C], pooled.slice());
    if (!classifier) return { lastHiddenState: this.#read(last, map), poolerOutput };
    const { at } = call.work({ logits: 4 * B * classifier.outputs });
    await this.linear(call, { rows: B, layer: classifier, x: wide, o: at.logits });
    const logits = memory.floats(at.logits, B * classifier.outputs).slice();
    return { logits: float32Tensor([B, classifier.outputs], logits), poolerOutput };
  }

  /** From one tensor in kernel memory to another. */
  protected attend(call: KernelCall, args: CheckedShiftedWindowArgs, out: CheckedTensor): Promise<void> {
    return this.step(call, () => shiftedWindowAttentionJob(call, args, out));
  }

  protected step<K extends KernelName>(call: KernelCall, prepare: () => Job<K>): Promise<void> {
    return call.step(prepare);
  }

  /** Of every layer in turn, from the patch embedding to the classifier; its inputs are computed. */
  protected linear(call: KernelCall, step: LinearStep): Promise<void> {
    return this.step(call, () => linearJob(call, this.kernels, step));
  }

  #norm(call: KernelCall, rows: number, norm: PackedNorm, x: number, residual: number, out: number): Promise<void> {
    return this.step(call, () => layerNormJob(call, rows, norm, x, residual, out));
  }

  #read(pointer: number, map: FeatureMap): Tensor<Float32Array> {
    const { B, H, W, C } = map;
    return float32Tensor([B, H * W, C], this.core.memory.floats(pointer, tokensOf(map) * C).slice());
  }
}
