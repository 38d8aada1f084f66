import { createWindowAttention } from '../attention/createWindowAttention.js';
import { coreOf } from '../attention/engine.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import { layerNorm } from '../reference/layerNorm.js';
import { checkTensor } from '../tensor/check.js';
import { float32Tensor, type TensorLike } from '../tensor/tensor.js';
import { checkConfig, type SwinConfig } from './config.js';
import { KernelModel } from './kernelModel.js';
import type { LinearStep } from './linearJob.js';
import { namesOf } from './names.js';
import type { PackedLinear } from './packedWeights.js';
import { Moments } from './sequentialRounding.js';
import { StateDict } from './stateDict.js';
import type { TimmConfig } from './timmConfig.js';
import { readWeights } from './weights.js';

/** Rows of an image whose moments are taken, evenly spaced. */
const SAMPLED_ROWS = 400;

/** What a linear layer meets. */
export interface LayerInputs {
  /** `[in]` */
  readonly mean: Float64Array;
  /** `Σ x xᵀ` over some of the inputs. */
  readonly moments: Moments;
}

/** Sums over the rows that a linear layer has met. */
interface SeenInputs {
  readonly sums: Float64Array;
  readonly moments: Moments;
  rows: number;
}

/** A model that adds up the inputs of its linear layers, behind their norms. */
class ObservedModel extends KernelModel {
  /** In the order of a forward pass; the first is the patch embedding. */
  readonly seen = new Map<PackedLinear, SeenInputs>();

  protected override linear(call: KernelCall, step: LinearStep): Promise<void> {
    const { inputs } = step.layer;
    const isFirst = this.seen.size === 0;
    const own = this.seen.get(step.layer) ?? { sums: new Float64Array(inputs), moments: new Moments(inputs), rows: 0 };
    this.seen.set(step.layer, own);
    own.rows += step.rows;
    const values = this.#inputsOf(step);
    values.forEach((x, i) => {
      own.sums[i % inputs] = (own.sums[i % inputs] as number) + x;
    });
    const stride = Math.ceil(step.rows / SAMPLED_ROWS);
    // The patch embedding, the first, stays as it is.
    for (let row = 0; !isFirst && row < step.rows; row += stride) {
      own.moments.add(values.subarray(row * inputs, (row + 1) * inputs));
    }
    return super.linear(call, step);
  }

  #inputsOf({ rows, layer: { inputs }, x, norm }: LinearStep): Float32Array | Float64Array {
    const { memory } = this.core;
    const data = memory.floats(x, rows * inputs);
    if (!norm) return data;
    const vector = (pointer: number) => float32Tensor([inputs], memory.floats(pointer, inputs));
    return layerNorm(float32Tensor([rows, inputs], data), vector(norm.weight), vector(norm.bias), norm.eps).data;
  }
}

/**
 * What every linear layer of a Swin meets in `images`, each `[B, channels, H, W]`, by the names of the layers' matrices.
 * They are taken one at a time. Rejects with RangeError for tensors that the config does not fit, with what
 * `createWindowAttention` rejects with where there is no WebAssembly.
 */
export async function layerInputs(
  tensors: Readonly<Record<string, TensorLike>>,
  config: SwinConfig | TimmConfig,
  images: readonly TensorLike[] | AsyncIterable<TensorLike>,
): Promise<ReadonlyMap<string, LayerInputs>> {
  const architecture = checkConfig(config);
  const dict = new StateDict(tensors);
  const { classifier, convention } = namesOf(dict);
  const weights = readWeights(dict, architecture, dict.has(`${classifier}.weight`) ? 'classifier' : 'model');
  const isHead = (name: string) => name === `${classifier}.weight`;
  const names = [...dict.matrices.filter((name) => !isHead(name)), ...dict.matrices.filter(isHead)];
  const rowsOf = new Map(names.map((name) => [name, tensors[name]?.dims[0] as number]));
  const attention = await createWindowAttention({ backend: 'wasm' });
  const all = new Map<string, LayerInputs>();
  try {
    const core = coreOf(attention) as KernelCore;
    const model = (await ObservedModel.create(core, architecture, weights, 'float32')) as ObservedModel;
    for await (const image of images) {
      await model.forward(checkTensor('images', image), false);
    }
    for (const [{ outputs }, { sums, moments, rows }] of [...model.seen].slice(1)) {
      const mean = sums.map((sum) => sum / rows);
      // A layer of q, k and v is stacked from one matrix or three.
      for (let left = outputs; left > 0; ) {
        const name = names.shift() as string;
        // Its files keep these columns in another order.
        const isReordered = convention === 'openmmlab' && name.endsWith('reduction.weight');
        if (!isReordered) all.set(name, { mean, moments });
        left -= rowsOf.get(name) as number;
      }
    }
  } finally {
    await attention.dispose();
  }
  return all;
}
