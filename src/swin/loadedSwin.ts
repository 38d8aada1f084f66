import { createWindowAttention } from '../attention/createWindowAttention.js';
import { checkOpen, coreOf } from '../attention/engine.js';
import type { WindowAttention } from '../attention/interface.js';
import { type AbortSignalLike, type CallOptions, checkSignal, throwIfAborted } from '../tensor/abortSignal.js';
import { type CheckedTensor, checkDims, checkInteger, checkOneOf } from '../tensor/check.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { type Architecture, checkConfig, type SwinConfig } from './config.js';
import { readAs } from './foreignQuantization.js';
import { type ModelOutput, swinForward } from './forward.js';
import type { HeadRequest } from './head.js';
import { KernelModel } from './kernelModel.js';
import { WEIGHT_DTYPES, type WeightDType } from './linearWeight.js';
import { checkCallingOptions, checkLoadingOptions } from './options.js';
import type { LoadOptions } from './pretrained.js';
import { StateDict } from './stateDict.js';
import type { TensorSource } from './tensorSource.js';
import type { TimmConfig } from './timmConfig.js';
import { readWeights, type SwinWeights, withRoundedMatrices } from './weights.js';

export interface SwinOptions {
  /** The engine for attention; one of its own when absent. */
  readonly attention?: WindowAttention | undefined;
  /**
   * What the linear layers' weights are kept as: by default int8 where they come as int8, else float32. Half precision
   * takes half the memory of float32; int8 a quarter, and multiplies by 16-bit activations at twice the speed.
   */
  readonly dtype?: WeightDType | undefined;
}

/** What `fromPretrained` takes. */
export interface PretrainedOptions extends SwinOptions, LoadOptions {}

/** Options of a model's `forward`. */
export interface SwinForwardOptions extends CallOptions {
  /** Also return the embeddings and each stage's output. */
  readonly hiddenStates?: boolean | undefined;
}

/** How a model computes: with everything in kernel memory, or everything but attention in float64. */
interface Runner {
  forward(
    pixelValues: CheckedTensor,
    hasHiddenStates: boolean,
    signal: AbortSignalLike | undefined,
  ): Promise<ModelOutput>;
  dispose(): Promise<void>;
}

/** A Swin on its engine: what the public models wrap. */
export class LoadedSwin {
  private constructor(
    readonly architecture: Architecture,
    readonly attention: WindowAttention,
    private readonly runner: Runner,
    private readonly ownsAttention: boolean,
  ) {}

  /**
   * Makes a model of tensors that come: what their descriptions tell of mistakes, they tell before any comes. Rejects as
   * `create` does, and as reading them does.
   */
  static load(
    source: TensorSource,
    config: SwinConfig | TimmConfig,
    request: HeadRequest,
    options: SwinOptions,
  ): Promise<LoadedSwin> {
    return LoadedSwin.create(StateDict.awaiting(source.entries), config, request, options, source);
  }

  /**
   * @throws RangeError naming a tensor that is missing, extra or misshapen, or a config's bad value; TypeError for a
   * `dtype` that there is not.
   */
  static async create(
    dict: StateDict,
    config: SwinConfig | TimmConfig,
    request: HeadRequest,
    options: SwinOptions,
    source?: TensorSource,
  ): Promise<LoadedSwin> {
    checkLoadingOptions(options);
    const { attention, dtype } = options;
    if (dtype !== undefined) checkOneOf('dtype', dtype, WEIGHT_DTYPES);
    const architecture = checkConfig(config);
    const weights = readAs(config, () => readWeights(dict, architecture, request));
    const engine = attention ?? (await createWindowAttention());
    let runner: Runner | undefined;
    try {
      checkOpen(engine);
      const core = coreOf(engine);
      runner = core
        ? await KernelModel.create(core, architecture, weights, dtype)
        : float64Runner(architecture, withRoundedMatrices(weights, dtype), engine);
      if (source) for await (const [name, tensor] of source.tensors()) dict.bring(name, tensor);
      return new LoadedSwin(architecture, engine, runner, !attention);
    } catch (error) {
      await runner?.dispose();
      if (!attention) await engine.dispose();
      throw error;
    }
  }

  /**
   * Runs `pixelValues` `[B, C, H, W]`. Rejects with TypeError for what is no float tensor, with RangeError for another
   * number of channels, or an image that the model cannot take.
   */
  async forward(pixelValues: TensorLike, options: SwinForwardOptions = {}): Promise<ModelOutput> {
    checkCallingOptions(options);
    const { numChannels } = this.architecture;
    const legend = '[B, channels, H, W]';
    const tensor = checkDims('pixelValues', pixelValues, legend, [undefined, numChannels, undefined, undefined]);
    const dims = tensor.dims as [number, number, number, number];
    checkInteger('pixelValues.dims[2]', dims[2], 1);
    checkInteger('pixelValues.dims[3]', dims[3], 1);
    return this.runner.forward(tensor, options.hiddenStates ?? false, checkSignal(options.signal));
  }

  /** Frees the weights behind the calls made so far, and ends the engine if the model made it. Later calls reject. */
  async dispose(): Promise<void> {
    await this.runner.dispose();
    if (this.ownsAttention) await this.attention.dispose();
  }
}

/** Everything but attention in float64, for engines without kernels and for those that replace an operation. */
function float64Runner(architecture: Architecture, weights: SwinWeights, attention: WindowAttention): Runner {
  let isDisposed = false;
  return {
    async forward(pixelValues, hasHiddenStates, signal) {
      if (isDisposed) throw new Error('this model was disposed');
      throwIfAborted(signal);
      const dims = pixelValues.dims as [number, number, number, number];
      const output = await swinForward(toFloat64(pixelValues), dims, architecture, weights, attention, signal);
      return rounded(output, hasHiddenStates);
    },
    async dispose() {
      isDisposed = true;
    },
  };
}

function rounded(output: ModelOutput<Float64Array>, hasHiddenStates: boolean): ModelOutput {
  const { logits, lastHiddenState, poolerOutput, featureMaps, hiddenStates } = output;
  return {
    ...(logits && { logits: float32(logits) }),
    ...(lastHiddenState && { lastHiddenState: float32(lastHiddenState) }),
    ...(poolerOutput && { poolerOutput: float32(poolerOutput) }),
    ...(featureMaps && { featureMaps: featureMaps.map(float32) }),
    ...(hasHiddenStates && hiddenStates && { hiddenStates: hiddenStates.map(float32) }),
  };
}

function float32({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}
