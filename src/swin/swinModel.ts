import type { WindowAttention } from '../attention/interface.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import type { SwinConfig } from './config.js';
import { LoadedSwin, type PretrainedOptions, type SwinForwardOptions, type SwinOptions } from './loadedSwin.js';
import { loadPretrained, type PretrainedSource } from './pretrained.js';
import { StateDict } from './stateDict.js';
import { closing } from './tensorSource.js';
import type { TimmConfig } from './timmConfig.js';

export interface SwinModelOutput {
  /** The last stage's tokens, `[B, tokens, C]`, behind the model's last norm (Donut's Swin has none). */
  readonly lastHiddenState: Tensor<Float32Array>;
  /** Their mean, `[B, C]`. */
  readonly poolerOutput: Tensor<Float32Array>;
  /** The embeddings, then each stage's output, `[B, tokens, C]`, in transformers' order. */
  readonly hiddenStates?: readonly Tensor<Float32Array>[];
}

/**
 * A Swin without a classifier, of a checkpoint with one or without. Source: transformers, `SwinModel`, `Swinv2Model`,
 * `DonutSwinModel`.
 */
export class SwinModel {
  private constructor(private readonly swin: LoadedSwin) {}

  /**
   * Loads a model in Hugging Face's layout from a directory, a base URL, or `{ config, weights }`; what surrounds the
   * Swin in a larger model's checkpoint is ignored. Rejects with what reading it throws, with RangeError for files that
   * are malformed or contradict each other.
   */
  static async fromPretrained(source: PretrainedSource, options: PretrainedOptions = {}): Promise<SwinModel> {
    const { config, weights } = await loadPretrained(source, options);
    return closing(weights, async () => new this(await LoadedSwin.load(weights, config, 'model', options)));
  }

  /**
   * Makes a model of a state dict, by any upstream's names and under any prefix; float32, float16, bfloat16, or int8 with scales. Rejects
   * with RangeError naming a tensor that is missing or misshapen, or a config's bad value.
   */
  static async fromStateDict(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig | TimmConfig,
    options: SwinOptions = {},
  ): Promise<SwinModel> {
    return new this(await LoadedSwin.create(new StateDict(tensors), config, 'model', options));
  }

  /** The engine that runs the attention. */
  get attention(): WindowAttention {
    return this.swin.attention;
  }

  /**
   * The last stage of `pixelValues` `[B, C, H, W]`, any H and W that upstream takes. Rejects with TypeError for what is
   * no float tensor, with RangeError for another number of channels.
   */
  async forward(pixelValues: TensorLike, options: SwinForwardOptions = {}): Promise<SwinModelOutput> {
    const { lastHiddenState, poolerOutput, hiddenStates } = await this.swin.forward(pixelValues, options);
    return {
      lastHiddenState: lastHiddenState as Tensor<Float32Array>,
      poolerOutput: poolerOutput as Tensor<Float32Array>,
      ...(hiddenStates && { hiddenStates }),
    };
  }

  /** Frees the weights behind the calls made so far, and ends the engine if the model made it. Later calls reject. */
  dispose(): Promise<void> {
    return this.swin.dispose();
  }
}
