import { float32Tensor, isArray, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import { checkConfig, type SwinConfig } from './config.js';
import { readAs } from './foreignQuantization.js';
import type { LayerInputs } from './layerInputs.js';
import { floats, quantized } from './linearWeight.js';
import { namesOf } from './names.js';
import { roundSequentially } from './sequentialRounding.js';
import { StateDict } from './stateDict.js';
import type { TimmConfig } from './timmConfig.js';
import { readWeights } from './weights.js';

/** What rounding did to a linear layer. */
export interface QuantizedLayer {
  readonly name: string;
  readonly dims: readonly number[];
  /** Root mean square of the weights' errors, relative to that of the weights. */
  readonly error: number;
}

export interface QuantizedStateDict<C> {
  readonly tensors: Readonly<Record<string, TensorLike>>;
  /** With its `quantization_config`. */
  readonly config: C;
  readonly layers: readonly QuantizedLayer[];
}

/**
 * Rounds the matrices of a Swin's linear layers to int8, one scale an output, and leaves all else as it is. Of matrices
 * that are int8 already, so are they left. Given what layers meet in images (`layerInputs`), it rounds so that their outputs
 * err least there (`roundSequentially`), and adds to their biases what rounding takes from their mean outputs, `(W − Ŵ) E[x]`
 * (Nagel et al. 2019, section 4.2).
 * Source: compressed-tensors, format `int-quantized`: int8 `….weight` and float32 `….weight_scale` `[out, 1]`.
 * @throws RangeError naming a tensor that is missing, extra or misshapen, or has numbers that are not finite.
 */
export function quantizeStateDict<C extends SwinConfig | TimmConfig>(
  tensors: Readonly<Record<string, TensorLike>>,
  config: C,
  inputs: ReadonlyMap<string, LayerInputs> = new Map(),
): QuantizedStateDict<C> {
  const dict = new StateDict(tensors);
  const { classifier } = namesOf(dict);
  const architecture = checkConfig(config);
  readAs(config, () => readWeights(dict, architecture, dict.has(`${classifier}.weight`) ? 'classifier' : 'model'));
  const rounded: Record<string, TensorLike> = { ...tensors };
  const layers: QuantizedLayer[] = [];
  for (const name of dict.matrices) {
    const weight = tensors[name] as TensorLike;
    if (isArray(weight.data, 'Int8Array')) continue;
    const met = inputs.get(name);
    const nearest = quantized(weight);
    const own = met ? roundSequentially(toFloat32(weight), nearest, met.moments.factor()) : nearest;
    rounded[name] = { data: own.data, dims: own.dims, type: 'int8' };
    rounded[`${name}_scale`] = { data: own.scales, dims: [own.dims[0], 1], type: 'float32' };
    const values = floats(own);
    layers.push({ name, dims: weight.dims, error: relativeError(weight, values) });
    const biasName = name.replace(/weight$/, 'bias');
    const bias = tensors[biasName];
    if (met && bias) rounded[biasName] = correctedBias(bias, weight, values, met.mean);
  }
  const isLinear = (name: string) => name.endsWith('.weight') && tensors[name]?.dims.length === 2;
  const ignore = Object.keys(tensors)
    .filter((name) => isLinear(name) && !dict.matrices.includes(name))
    .map((name) => name.slice(0, -'.weight'.length));
  return { tensors: rounded, config: { ...config, quantization_config: quantizationConfig(ignore) }, layers };
}

function quantizationConfig(ignore: readonly string[]): object {
  const weights = { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel', dynamic: false };
  return {
    quant_method: 'compressed-tensors',
    format: 'int-quantized',
    quantization_status: 'compressed',
    config_groups: { group_0: { targets: ['Linear'], weights } },
    ignore,
  };
}

/** `bias + (weight − rounded) mean`. */
function correctedBias(bias: TensorLike, weight: TensorLike, rounded: TensorLike, mean: Float64Array): TensorLike {
  const [truth, values] = [toFloat32(weight), toFloat32(rounded)];
  const data = toFloat32(bias).slice();
  data.forEach((own, o) => {
    let lost = 0;
    mean.forEach((x, i) => {
      const at = o * mean.length + i;
      lost += ((truth[at] as number) - (values[at] as number)) * x;
    });
    data[o] = own + lost;
  });
  return float32Tensor(bias.dims, data);
}

function relativeError(weight: TensorLike, rounded: TensorLike): number {
  const truth = toFloat32(weight);
  const values = toFloat32(rounded);
  let [errors, squares] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    errors += ((values[i] as number) - (truth[i] as number)) ** 2;
    squares += (truth[i] as number) ** 2;
  }
  return squares === 0 ? 0 : Math.sqrt(errors / squares);
}
