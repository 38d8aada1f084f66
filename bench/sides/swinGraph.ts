import { continuousPositionBias, relativePositionBias, shiftedWindowMask } from 'flash-window-attention/reference';
import type { BenchConfig, Weight } from '../randomSwin.js';
import { externalConstant, floatConstant, integersConstant, type Node, onnxModel } from './onnxModel.js';

/** An ONNX model and the file of its large weights. */
export interface SwinGraph {
  readonly model: Uint8Array;
  readonly weights: Uint8Array;
}

/** What lies beside the model is larger, in elements. */
const EXTERNAL_FROM = 1024;
const EPS = 1e-5;

/** Collects nodes and constants; values are known by their names. */
class Graph {
  readonly nodes: Node[] = [];
  readonly constants: object[] = [];
  readonly #external: Float32Array[] = [];
  #bytes = 0;

  constructor(private readonly weightsFile: string) {}

  op(op: string, inputs: readonly string[], attributes: NonNullable<Node['attributes']> = {}, domain = ''): string {
    const output = `${op}_${this.nodes.length}_o`;
    this.nodes.push({ op, inputs, output, attributes, domain });
    return output;
  }

  floats(dims: readonly number[], data: Float32Array): string {
    const name = `c${this.constants.length}`;
    if (data.length < EXTERNAL_FROM) this.constants.push(floatConstant(name, dims, data));
    else {
      this.constants.push(externalConstant(name, dims, this.weightsFile, this.#bytes));
      this.#external.push(data);
      this.#bytes += data.byteLength;
    }
    return name;
  }

  integers(values: readonly number[]): string {
    const name = `c${this.constants.length}`;
    this.constants.push(integersConstant(name, values));
    return name;
  }

  reshape(x: string, dims: readonly number[]): string {
    return this.op('Reshape', [x, this.integers(dims)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.op('Transpose', [x], { perm });
  }

  weights(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const { buffer, byteOffset, byteLength } of this.#external) {
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
      at += byteLength;
    }
    return bytes;
  }
}

/**
 * A Swin classifier of batch 1 as an ONNX graph, from `randomSwin`'s tensors. It is written to be fast: scale, bias and
 * mask are folded into constants, one permutation makes the windows, another brings them back; exporters make 1.2 times
 * as many copies.
 */
export function swinGraph(
  config: BenchConfig,
  tensors: Readonly<Record<string, Weight>>,
  weightsFile: string,
): SwinGraph {
  const { model_type: type, embed_dim, depths, num_heads, image_size, patch_size, window_size: window } = config;
  const isV2 = type === 'swinv2';
  const graph = new Graph(weightsFile);
  const tensor = (name: string) => tensors[name] as Weight;
  const norm = (x: string, name: string) => {
    const [weight, bias] = ['weight', 'bias'].map((part) => tensor(`${name}.${part}`)) as [Weight, Weight];
    const parameters = [graph.floats(weight.dims, weight.data), graph.floats(bias.dims, bias.data)];
    return graph.op('LayerNormalization', [x, ...parameters], { axis: -1, epsilon: EPS });
  };
  const linear = (x: string, name: string, factor = 1) => {
    const { data, dims } = tensor(`${name}.weight`);
    const bias = tensors[`${name}.bias`];
    const y = graph.op('MatMul', [x, graph.floats([...dims].reverse(), transposed(data, dims, factor))]);
    if (!bias) return y;
    return graph.op('Add', [
      y,
      graph.floats(
        bias.dims,
        bias.data.map((value) => factor * value),
      ),
    ]);
  };
  const roll = (x: string, size: number, shift: number) =>
    [0, 1].reduce((rolled, axis) => {
      const part = (from: number, to: number) =>
        graph.op('Slice', [rolled, ...[[from], [to], [axis]].map((values) => graph.integers(values))]);
      const at = shift > 0 ? shift : size + shift;
      return graph.op('Concat', [part(at, size), part(0, at)], { axis });
    }, x);

  const attend = (x: string, block: string, size: number, C: number, H: number, shift: number) => {
    const [L, across, D] = [window ** 2, size / window, C / H];
    const nW = across ** 2;
    const self = `${block}.attention.self`;
    const grid = graph.reshape(x, [size, size, C]);
    const windows = graph.transpose(
      graph.reshape(shift ? roll(grid, size, shift) : grid, [across, window, across, window, C]),
      [0, 2, 1, 3, 4],
    );
    const rows = graph.reshape(windows, [nW * L, C]);
    const heads = (part: string, perm: readonly number[], factor = 1) =>
      graph.transpose(graph.reshape(linear(rows, `${self}.${part}`, factor), [nW, L, H, D]), perm);
    let q: string;
    let kT: string;
    if (isV2) {
      const unit = (part: string) => graph.op('LpNormalization', [heads(part, [0, 2, 1, 3])], { axis: -1, p: 2 });
      const scale = tensor(`${self}.logit_scale`).data.map((value) => Math.exp(Math.min(value, Math.log(100))));
      q = graph.op('Mul', [unit('query'), graph.floats([1, H, 1, 1], scale)]);
      kT = graph.transpose(unit('key'), [0, 1, 3, 2]);
    } else {
      q = heads('query', [0, 2, 1, 3], D ** -0.5);
      kT = heads('key', [0, 2, 3, 1]);
    }
    const bias = isV2
      ? continuousPositionBias({
          windowSize: window,
          weight0: tensor(`${self}.continuous_position_bias_mlp.0.weight`),
          bias0: tensor(`${self}.continuous_position_bias_mlp.0.bias`),
          weight2: tensor(`${self}.continuous_position_bias_mlp.2.weight`),
        })
      : relativePositionBias(tensor(`${self}.relative_position_bias_table`), window);
    const mask = shift ? shiftedWindowMask(size, size, window, shift).data : new Float64Array(L * L);
    const added = new Float32Array((mask.length / L / L) * H * L * L);
    added.forEach((_, i) => {
      const [inside, h, w] = [i % (L * L), Math.floor(i / (L * L)) % H, Math.floor(i / (H * L * L))];
      added[i] = (bias.data[h * L * L + inside] as number) + (mask[w * L * L + inside] as number);
    });
    const biased = graph.op('Add', [graph.op('MatMul', [q, kT]), graph.floats([mask.length / L / L, H, L, L], added)]);
    const p = graph.op('Softmax', [biased], { axis: -1 });
    const o = graph.transpose(graph.op('MatMul', [p, heads('value', [0, 2, 1, 3])]), [0, 2, 1, 3]);
    const projected = linear(graph.reshape(o, [nW * L, C]), `${block}.attention.output.dense`);
    const image = graph.transpose(graph.reshape(projected, [across, across, window, window, C]), [0, 2, 1, 3, 4]);
    const back = graph.reshape(image, [size, size, C]);
    return graph.reshape(shift ? roll(back, size, -shift) : back, [size * size, C]);
  };

  const before = (x: string, name: string) => (isV2 ? x : norm(x, name));
  const behind = (x: string, name: string) => (isV2 ? norm(x, name) : x);
  let size = image_size / patch_size;
  let C = embed_dim;
  const { data, dims } = tensor(`${type}.embeddings.patch_embeddings.projection.weight`);
  const patchBias = tensor(`${type}.embeddings.patch_embeddings.projection.bias`);
  const embedded = graph.op(
    'Conv',
    ['pixels', graph.floats(dims, data), graph.floats(patchBias.dims, patchBias.data)],
    { kernel_shape: [patch_size, patch_size], strides: [patch_size, patch_size] },
  );
  let x = graph.transpose(graph.reshape(embedded, [C, size * size]), [1, 0]);
  x = norm(x, `${type}.embeddings.norm`);
  depths.forEach((depth, stage) => {
    for (let b = 0; b < depth; b++) {
      const block = `${type}.encoder.layers.${stage}.blocks.${b}`;
      const shift = b % 2 === 1 && size > window ? Math.floor(window / 2) : 0;
      const attended = attend(
        before(x, `${block}.layernorm_before`),
        block,
        size,
        C,
        num_heads[stage] as number,
        shift,
      );
      x = graph.op('Add', [x, behind(attended, `${block}.layernorm_before`)]);
      const hidden = linear(before(x, `${block}.layernorm_after`), `${block}.intermediate.dense`);
      const y = linear(graph.op('Gelu', [hidden], {}, 'com.microsoft'), `${block}.output.dense`);
      x = graph.op('Add', [x, behind(y, `${block}.layernorm_after`)]);
    }
    if (stage === depths.length - 1) return;
    const merging = `${type}.encoder.layers.${stage}.downsample`;
    size /= 2;
    const merged = graph.reshape(graph.transpose(graph.reshape(x, [size, 2, size, 2, C]), [0, 2, 3, 1, 4]), [
      size * size,
      4 * C,
    ]);
    x = behind(linear(before(merged, `${merging}.norm`), `${merging}.reduction`), `${merging}.norm`);
    C *= 2;
  });
  const mean = graph.op('ReduceMean', [norm(x, `${type}.layernorm`)], { axes: [0], keepdims: 1 });
  const last = linear(mean, 'classifier');
  graph.nodes.push({ op: 'Identity', inputs: [last], output: 'o' });
  const input = { pixels: [1, 3, image_size, image_size] };
  const model = onnxModel(graph.nodes, input, [1, config.num_labels], graph.constants, 17);
  return { model, weights: graph.weights() };
}

/** `[out, in]` → `[in, out]`, times a factor. */
function transposed(data: Float32Array, dims: readonly number[], factor: number): Float32Array {
  const [outputs, inputs] = dims as [number, number];
  const result = new Float32Array(data.length);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) result[i * outputs + o] = factor * (data[o * inputs + i] as number);
  }
  return result;
}
