import { kernelOf } from '../attention/createEngine.js';
import type { WindowAttention } from '../attention/windowAttention.js';
import type { RawImage } from '../image/rawImage.js';
import { checkDims, checkInteger } from '../tensor/check.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32, toFloat64 } from '../tensor/tensor.js';
import { type Architecture, checkConfig, type SwinConfig } from './config.js';
import { swinForward } from './forward.js';
import { KernelModel, type ModelOutput } from './kernelModel.js';
import { type PreprocessOptions, preprocess } from './preprocess.js';
import { checkPreprocessor, type Preprocessor, type PreprocessorConfig } from './preprocessor.js';
import { type LoadProgress, loadPretrained, type PretrainedSource } from './pretrained.js';
import { StateDict } from './stateDict.js';
import { readWeights } from './weights.js';

export interface SwinOptions {
  /** The engine for attention; one of its own when absent. */
  readonly attention?: WindowAttention | undefined;
  /** Hears of every file of weights as it comes, `fromPretrained` alone. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

export interface SwinOutput {
  /** `[B, numLabels]`. */
  readonly logits: Tensor<Float32Array>;
  /** The embeddings, then each stage's output, `[B, tokens, C]`, in transformers' order. */
  readonly hiddenStates?: readonly Tensor<Float32Array>[];
}

export interface Classification {
  readonly label: string;
  /** Probability. */
  readonly score: number;
}

/** How a model computes: with everything in kernel memory, or everything but attention in float64. */
type Run = (
  pixels: TensorLike,
  dims: readonly [number, number, number, number],
  hasHiddenStates: boolean,
) => Promise<ModelOutput>;

/** A Swin image classifier. Source: Liu et al. 2021; transformers, `SwinForImageClassification`. */
export class SwinForImageClassification {
  /** Makes the engine where none is given; every entry point has its own way to get at the kernels. */
  protected static createAttention: () => Promise<WindowAttention>;

  protected constructor(
    private readonly architecture: Architecture,
    private readonly run: Run,
    private readonly preprocessor: Preprocessor,
    /** The engine that runs the attention. */
    readonly attention: WindowAttention,
  ) {}

  /**
   * Loads a model in Hugging Face's layout, whole or in shards, from a directory, a base URL, or `{ config, weights }`.
   * Rejects with what reading it throws, with RangeError for files that are malformed or contradict each other.
   */
  static async fromPretrained(
    source: PretrainedSource,
    options: SwinOptions = {},
  ): Promise<SwinForImageClassification> {
    const { config, tensors, preprocessor } = await loadPretrained(source, options.onProgress);
    return this.create(tensors, config, preprocessor, options);
  }

  /**
   * Makes a model of a state dict (by the names of transformers, torchvision, timm or Microsoft; float32, float16 or
   * bfloat16) and a config with Hugging Face's keys. Rejects with RangeError naming a tensor that is missing, extra or misshapen, or a config's bad value.
   */
  static async fromStateDict(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig,
    options: SwinOptions = {},
  ): Promise<SwinForImageClassification> {
    return this.create(tensors, config, undefined, options);
  }

  private static async create(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig,
    preprocessorConfig: PreprocessorConfig | undefined,
    { attention }: SwinOptions,
  ): Promise<SwinForImageClassification> {
    const architecture = checkConfig(config);
    const preprocessor = checkPreprocessor(preprocessorConfig, architecture);
    const weights = readWeights(new StateDict(tensors), architecture);
    const engine = attention ?? (await this.createAttention());
    const kernel = kernelOf(engine);
    if (!kernel) {
      const run: Run = async (pixels, dims, hasHiddenStates) => {
        const { logits, hiddenStates } = await swinForward(toFloat64(pixels), dims, architecture, weights, engine);
        return { logits: rounded(logits), ...(hasHiddenStates && { hiddenStates: hiddenStates.map(rounded) }) };
      };
      return new this(architecture, run, preprocessor, engine);
    }
    const model = new KernelModel(kernel, architecture, weights);
    const run: Run = (pixels, dims, hasHiddenStates) => model.forward(toFloat32(pixels), dims, hasHiddenStates);
    return new this(architecture, run, preprocessor, engine);
  }

  /** Ends the engine, whoever made it. */
  dispose(): Promise<void> {
    return this.attention.dispose();
  }

  /** The labels, in the order of the logits. */
  get labels(): readonly string[] {
    return this.architecture.labels;
  }

  /**
   * Logits of `pixelValues` `[B, C, H, W]`, any H and W. Rejects with TypeError for what is no float tensor, with
   * RangeError for another number of channels.
   */
  async forward(
    pixelValues: TensorLike,
    options: { readonly hiddenStates?: boolean | undefined } = {},
  ): Promise<SwinOutput> {
    const { numChannels } = this.architecture;
    const legend = '[B, channels, H, W]';
    const tensor = checkDims('pixelValues', pixelValues, legend, [undefined, numChannels, undefined, undefined]);
    const dims = tensor.dims as [number, number, number, number];
    checkInteger('pixelValues.dims[2]', dims[2], 1);
    checkInteger('pixelValues.dims[3]', dims[3], 1);
    return this.run(tensor, dims, options.hiddenStates ?? false);
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
   * The `topK` (5) likeliest labels of an image of RGB or RGBA bytes, or with `square` of the largest square in its
   * middle, likeliest first. Rejects with TypeError for what
   * is no image, with RangeError for a length that fits neither layout or a `topK` below 1.
   */
  async classify(
    image: RawImage,
    options: { readonly topK?: number | undefined } & PreprocessOptions = {},
  ): Promise<Classification[]> {
    const topK = checkInteger('topK', options.topK ?? 5, 1);
    const { logits } = await this.forward(this.preprocess(image, { square: options.square }));
    return softmax(logits.data)
      .map((score, i) => ({ label: this.labels[i] as string, score }))
      .sort((a, b) => b.score - a.score)
      .slice(0, topK);
  }
}

function softmax(logits: Float32Array): number[] {
  const max = Math.max(...logits);
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((total, e) => total + e, 0);
  return exponentials.map((e) => e / sum);
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}
