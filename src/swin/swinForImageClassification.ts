import type { WindowAttention } from '../attention/interface.js';
import type { RawImage } from '../image/rawImage.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import { checkInteger } from '../tensor/check.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import { checkConfig, type SwinConfig } from './config.js';
import { LoadedSwin, type PretrainedOptions, type SwinForwardOptions, type SwinOptions } from './loadedSwin.js';
import { checkCallingOptions } from './options.js';
import { type PreprocessOptions, preprocess } from './preprocess.js';
import { checkPreprocessor, type Preprocessor, type PreprocessorConfig } from './preprocessor.js';
import { loadPretrained, type PretrainedSource } from './pretrained.js';
import { type Classification, likeliest } from './scores.js';
import { MAX_BATCH, stackedImages } from './stackedImages.js';
import { StateDict } from './stateDict.js';
import { closing } from './tensorSource.js';
import type { TimmConfig } from './timmConfig.js';

export interface SwinOutput {
  /** `[B, numLabels]`. */
  readonly logits: Tensor<Float32Array>;
  /** What the classifier takes, `[B, C]`: the mean over the last stage's tokens, behind the last norm. */
  readonly poolerOutput: Tensor<Float32Array>;
  /** The embeddings, then each stage's output, `[B, tokens, C]`, in transformers' order. */
  readonly hiddenStates?: readonly Tensor<Float32Array>[];
}

export interface ClassifyOptions extends PreprocessOptions, CallOptions {
  /** Labels to return, 5 by default. */
  readonly topK?: number | undefined;
}

/** A Swin image classifier. Source: Liu et al. 2021; transformers, `SwinForImageClassification`. */
export class SwinForImageClassification {
  private constructor(
    private readonly swin: LoadedSwin,
    private readonly preprocessor: Preprocessor,
    /** `config.json` as it was given. */
    readonly config: SwinConfig | TimmConfig,
    /** What images are preprocessed by: `preprocessor_config.json`, or what timm's config says of it. */
    readonly preprocessorConfig: PreprocessorConfig | undefined,
  ) {}

  /**
   * Loads a model in Hugging Face's layout, whole or in shards, from a directory, a base URL, or `{ config, weights }`.
   * Rejects with what reading it throws, with RangeError for files that are malformed or contradict each other.
   */
  static async fromPretrained(
    source: PretrainedSource,
    options: PretrainedOptions = {},
  ): Promise<SwinForImageClassification> {
    const { config, weights, preprocessor } = await loadPretrained(source, options);
    return closing(weights, () => {
      return this.create(config, preprocessor, () => LoadedSwin.load(weights, config, 'classifier', options));
    });
  }

  /**
   * Makes a model of a state dict (by the names of transformers, torchvision, timm, Microsoft or MMPretrain, under any
   * prefix; float32, float16, bfloat16, or int8 with scales) and a config with Hugging Face's keys, or timm's. Rejects with RangeError
   * naming a tensor that is missing, extra or misshapen, or a config's bad value.
   */
  static async fromStateDict(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig | TimmConfig,
    options: SwinOptions = {},
  ): Promise<SwinForImageClassification> {
    return this.create(config, undefined, () => {
      return LoadedSwin.create(new StateDict(tensors), config, 'classifier', options);
    });
  }

  private static async create(
    config: SwinConfig | TimmConfig,
    preprocessorConfig: PreprocessorConfig | undefined,
    load: () => Promise<LoadedSwin>,
  ): Promise<SwinForImageClassification> {
    const preprocessor = checkPreprocessor(preprocessorConfig, checkConfig(config));
    return new this(await load(), preprocessor, config, preprocessorConfig);
  }

  /** The engine that runs the attention. */
  get attention(): WindowAttention {
    return this.swin.attention;
  }

  /** The labels, in the order of the logits. */
  get labels(): readonly string[] {
    return this.swin.architecture.labels;
  }

  /**
   * Logits, and the features below them, of `pixelValues` `[B, C, H, W]`, any H and W that upstream takes. Rejects with TypeError for what is no float
   * tensor, with RangeError for another number of channels.
   */
  async forward(pixelValues: TensorLike, options: SwinForwardOptions = {}): Promise<SwinOutput> {
    const { logits, poolerOutput, hiddenStates } = await this.swin.forward(pixelValues, options);
    return {
      logits: logits as Tensor<Float32Array>,
      poolerOutput: poolerOutput as Tensor<Float32Array>,
      ...(hiddenStates && { hiddenStates }),
    };
  }

  /**
   * Pixel values `[1, channels, H, W]` of an image of RGB or RGBA bytes, as the model's `preprocessor_config.json` says;
   * with `square`, of the largest square in its middle.
   * @throws TypeError and RangeError as `classify` does.
   */
  preprocess(image: RawImage, options: PreprocessOptions = {}): Tensor<Float32Array> {
    return preprocess(image, this.preprocessor, options);
  }

  /**
   * The `topK` likeliest labels of an image of RGB or RGBA bytes, or with `square` of the largest square in its middle,
   * likeliest first; of several images a list for each, computed in batches. Scores are a softmax, of multi-label and one-label models a sigmoid each. Rejects with TypeError
   * for what is no image, with RangeError for a length that fits neither layout or a `topK` below 1.
   */
  async classify(image: RawImage, options?: ClassifyOptions): Promise<Classification[]>;
  async classify(images: readonly RawImage[], options?: ClassifyOptions): Promise<Classification[][]>;
  async classify(
    images: RawImage | readonly RawImage[],
    options: ClassifyOptions = {},
  ): Promise<Classification[] | Classification[][]> {
    checkCallingOptions(options);
    const topK = checkInteger('topK', options.topK ?? 5, 1);
    const { isSingleLabel, labels } = this.swin.architecture;
    const results: Classification[][] = [];
    const run = async (batch: readonly Tensor<Float32Array>[]) => {
      const { logits } = await this.forward(stackedImages(batch), { signal: options.signal });
      for (let i = 0; i < batch.length; i++) {
        const own = logits.data.subarray(i * labels.length, (i + 1) * labels.length);
        results.push(likeliest(own, labels, isSingleLabel, topK));
      }
    };
    let batch: Tensor<Float32Array>[] = [];
    for (const image of Array.isArray(images) ? (images as RawImage[]) : [images as RawImage]) {
      const pixels = this.preprocess(image, { square: options.square });
      const [first] = batch;
      const isFull = (batch.length + 1) * pixels.data.length > MAX_BATCH;
      if (first && (isFull || pixels.dims.some((size, axis) => size !== first.dims[axis]))) {
        await run(batch);
        batch = [];
      }
      batch.push(pixels);
    }
    if (batch.length > 0) await run(batch);
    return Array.isArray(images) ? results : (results[0] as Classification[]);
  }

  /** Frees the weights behind the calls made so far, and ends the engine if the model made it. Later calls reject. */
  dispose(): Promise<void> {
    return this.swin.dispose();
  }
}
