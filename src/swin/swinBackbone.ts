import type { WindowAttention } from '../attention/interface.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import type { SwinConfig } from './config.js';
import { LoadedSwin, type SwinOptions } from './loadedSwin.js';
import { checkLoadingOptions } from './options.js';
import { type LoadOptions, loadPretrained, type PretrainedSource } from './pretrained.js';
import { StateDict } from './stateDict.js';
import { closing } from './tensorSource.js';
import type { TimmConfig } from './timmConfig.js';

export interface SwinBackboneOptions extends SwinOptions {
  /**
   * Feature maps to return, in this order: `'stem'`, `'stage1'`, `'stage2'`, …. By default those of the config, else
   * those that the checkpoint has norms for, else what upstream returns: transformers the last stage, others all stages.
   */
  readonly outFeatures?: readonly string[] | undefined;
}

export interface SwinBackboneOutput {
  /** `[B, C, H, W]` each, before the patch merging behind its stage. */
  readonly featureMaps: readonly Tensor<Float32Array>[];
}

/**
 * A Swin that returns feature maps, normed as upstream does: transformers' Swin V1 and Microsoft's line for detection
 * norm each map, timm and transformers' Swin V2 none. Source: transformers, `SwinBackbone`, `Swinv2Backbone`; Microsoft
 * Swin-Transformer-Object-Detection, `SwinTransformer`; timm, `features_only`.
 */
export class SwinBackbone {
  private constructor(private readonly swin: LoadedSwin) {}

  /** Loads a backbone as `SwinModel.fromPretrained` loads a model. */
  static async fromPretrained(
    source: PretrainedSource,
    options: SwinBackboneOptions & LoadOptions = {},
  ): Promise<SwinBackbone> {
    const { config, weights } = await loadPretrained(source, options);
    const request = { outFeatures: options.outFeatures };
    return closing(weights, async () => new this(await LoadedSwin.load(weights, config, request, options)));
  }

  /**
   * Makes a backbone of a state dict, by any upstream's names and under any prefix. Rejects with RangeError naming a
   * tensor that is missing or misshapen, a feature map that the architecture has not, or a config's bad value.
   */
  static async fromStateDict(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig | TimmConfig,
    options: SwinBackboneOptions = {},
  ): Promise<SwinBackbone> {
    checkLoadingOptions(options);
    return new this(
      await LoadedSwin.create(new StateDict(tensors), config, { outFeatures: options.outFeatures }, options),
    );
  }

  /** The engine that runs the attention. */
  get attention(): WindowAttention {
    return this.swin.attention;
  }

  /**
   * Feature maps of `pixelValues` `[B, C, H, W]`, any H and W that upstream takes. Rejects with TypeError for what is no
   * float tensor, with RangeError for another number of channels.
   */
  async forward(pixelValues: TensorLike, options: CallOptions = {}): Promise<SwinBackboneOutput> {
    const { featureMaps } = await this.swin.forward(pixelValues, options);
    return { featureMaps: featureMaps as readonly Tensor<Float32Array>[] };
  }

  /** Frees the weights behind the calls made so far, and ends the engine if the model made it. Later calls reject. */
  dispose(): Promise<void> {
    return this.swin.dispose();
  }
}
