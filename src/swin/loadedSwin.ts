import { kernelOf } from '../attention/createEngine.js';
import type { WindowAttention } from '../attention/windowAttention.js';
import { checkDims, checkInteger } from '../tensor/check.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat32, toFloat64 } from '../tensor/tensor.js';
import { type Architecture, checkConfig, type SwinConfig } from './config.js';
import { type ModelOutput, swinForward } from './forward.js';
import type { HeadRequest } from './head.js';
import { KernelModel } from './kernelModel.js';
import type { LoadOptions } from './pretrained.js';
import { StateDict } from './stateDict.js';
import type { TimmConfig } from './timmConfig.js';
import { readWeights } from './weights.js';

export interface SwinOptions {
  /** The engine for attention; one of its own when absent. */
  readonly attention?: WindowAttention | undefined;
}

/** What `fromPretrained` takes. */
export interface PretrainedOptions extends SwinOptions, LoadOptions {}

export type CreateAttention = () => Promise<WindowAttention>;

type Dims = readonly [number, number, number, number];
/** How a model computes: with everything in kernel memory, or everything but attention in float64. */
type Run = (pixels: TensorLike, dims: Dims, hasHiddenStates: boolean) => Promise<ModelOutput>;

/** A Swin on its engine: what the public models wrap. */
export class LoadedSwin {
  private constructor(
    readonly architecture: Architecture,
    readonly attention: WindowAttention,
    private readonly run: Run,
    private readonly ownsAttention: boolean,
  ) {}

  /** @throws RangeError naming a tensor that is missing, extra or misshapen, or a config's bad value. */
  static async create(
    tensors: Readonly<Record<string, TensorLike>>,
    config: SwinConfig | TimmConfig,
    request: HeadRequest,
    attention: WindowAttention | undefined,
    createAttention: CreateAttention,
  ): Promise<LoadedSwin> {
    const architecture = checkConfig(config);
    const weights = readWeights(new StateDict(tensors), architecture, request);
    const engine = attention ?? (await createAttention());
    const kernel = kernelOf(engine);
    if (kernel) {
      const model = new KernelModel(kernel, architecture, weights);
      const run: Run = (pixels, dims, hasHiddenStates) => model.forward(toFloat32(pixels), dims, hasHiddenStates);
      return new LoadedSwin(architecture, engine, run, !attention);
    }
    const run: Run = async (pixels, dims, hasHiddenStates) => {
      const output = await swinForward(toFloat64(pixels), dims, architecture, weights, engine);
      return rounded(output, hasHiddenStates);
    };
    return new LoadedSwin(architecture, engine, run, !attention);
  }

  /**
   * Runs `pixelValues` `[B, C, H, W]`. Rejects with TypeError for what is no float tensor, with RangeError for another
   * number of channels, or an image that the model cannot take.
   */
  async forward(pixelValues: TensorLike, hasHiddenStates = false): Promise<ModelOutput> {
    const { numChannels } = this.architecture;
    const legend = '[B, channels, H, W]';
    const tensor = checkDims('pixelValues', pixelValues, legend, [undefined, numChannels, undefined, undefined]);
    const dims = tensor.dims as [number, number, number, number];
    checkInteger('pixelValues.dims[2]', dims[2], 1);
    checkInteger('pixelValues.dims[3]', dims[3], 1);
    return this.run(tensor, dims, hasHiddenStates);
  }

  /** Ends the engine, where the model made it. */
  async dispose(): Promise<void> {
    if (this.ownsAttention) await this.attention.dispose();
  }
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
