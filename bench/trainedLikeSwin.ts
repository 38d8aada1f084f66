import {
  gelu,
  layerNorm,
  linear,
  relativePositionBias,
  shiftedWindowAttention,
} from 'flash-window-attention/reference';
import { type BenchConfig, normalNumbers, type Weight } from './randomSwin.js';

type Tensors = Record<string, Weight>;
type Activations = ReturnType<typeof linear>;
/** Sees the input of a linear layer, `[tokens, in]`, and may give the layer another matrix before it is applied. */
type Visit = (layer: string, x: Activations) => void;

const EPS = 1e-5;
/** Tokens whose outer products make a layer's update, and tokens by which its stretch is measured. */
const RANK = 32;
const MEASURED = 64;

/**
 * How much longer a matrix makes what its inputs differ by than it makes vectors of no direction:
 * `|W (x − mean)| / |x − mean| · √in / |W|` by root mean square. 1 for a normally distributed matrix, above it for one
 * that has learned which directions matter. Rounding errors have no direction, so a net whose matrices do not stretch
 * their inputs drowns in them as no trained one does.
 */
export function stretchOf({ data, dims }: Pick<Weight, 'data' | 'dims'>, x: Activations): number {
  const variation = centred(sampled(x, MEASURED));
  const y = linear(variation, { data, dims });
  return Math.sqrt((squares(y.data) / squares(variation.data)) * ((dims[1] as number) / squares(data)));
}

/**
 * Gives every linear layer of a random Swin V1 the stretch of a trained one. Training adds outer products of gradients
 * and inputs to matrices: here normally distributed gradients, and what the inputs that the layer meets in an image
 * differ by, as much of them as `stretch` takes. What leaves the layer keeps its size.
 */
export function trainedLike(config: BenchConfig, tensors: Tensors, image: Weight, stretch: number): Tensors {
  const next = normalNumbers(1);
  const trained = { ...tensors };
  forwardThrough(config, trained, image, (layer, x) => {
    const { data, dims } = trained[`${layer}.weight`] as Weight;
    const update = outerProducts(centred(sampled(x, RANK)), dims[0] as number, next);
    // Stretches add by squares, weighted by the squares of the matrices.
    const [before, most] = [stretchOf({ data, dims }, x), stretchOf({ data: update, dims }, x)];
    const part = Math.max(0, (stretch ** 2 - before ** 2) / Math.max(most ** 2 - stretch ** 2, 1e-3));
    const factor = Math.sqrt((part * squares(data)) / squares(update));
    const norm = 1 / stretch / Math.sqrt(1 + part);
    const values = data.map((w, i) => norm * (w + factor * (update[i] as number)));
    trained[`${layer}.weight`] = { data: values, dims, type: 'float32' };
  });
  return trained;
}

/** `Σ_j g_j x_jᵀ` over the rows of x, g normally distributed: `[outputs, inputs]`. */
function outerProducts({ data: x, dims }: Activations, outputs: number, next: () => number): Float32Array {
  const inputs = dims[1] as number;
  const sum = new Float32Array(outputs * inputs);
  for (let j = 0; j < x.length; j += inputs) {
    for (let o = 0; o < sum.length; o += inputs) {
      const gradient = next();
      for (let i = 0; i < inputs; i++) sum[o + i] = (sum[o + i] as number) + gradient * (x[j + i] as number);
    }
  }
  return sum;
}

/** The float64 forward pass of a Swin V1 of batch 1 and whole windows, by transformers' names, as far as its last block. */
export function forwardThrough(config: BenchConfig, tensors: Tensors, pixels: Weight, visit: Visit): void {
  const { patch_size: patch, embed_dim, depths, num_heads, window_size: windowSize } = config;
  const tensor = (name: string) => tensors[name] as Weight;
  const norm = (x: Activations, name: string) => layerNorm(x, tensor(`${name}.weight`), tensor(`${name}.bias`), EPS);
  const apply = (x: Activations, layers: readonly string[]) => {
    for (const layer of layers) visit(layer, x);
    return layers.map((layer) => linear(x, tensor(`${layer}.weight`), tensors[`${layer}.bias`]));
  };
  let size = (pixels.dims[2] as number) / patch;
  let C = embed_dim;
  const projection = tensor('swin.embeddings.patch_embeddings.projection.weight');
  const flat = { ...projection, dims: [C, 3 * patch * patch] };
  let x = linear(patchesOf(pixels, patch), flat, tensor('swin.embeddings.patch_embeddings.projection.bias'));
  x = norm(x, 'swin.embeddings.norm');
  depths.forEach((depth, stage) => {
    for (let b = 0; b < depth; b++) {
      const block = `swin.encoder.layers.${stage}.blocks.${b}`;
      const self = `${block}.attention.self`;
      const parts = apply(
        norm(x, `${block}.layernorm_before`),
        ['query', 'key', 'value'].map((part) => `${self}.${part}`),
      );
      const qkv = concatenated(parts, C);
      const { data } = shiftedWindowAttention({
        qkv: { ...qkv, dims: [1, size, size, 3 * C] },
        numHeads: num_heads[stage] as number,
        windowSize,
        shiftSize: b % 2 === 1 && size > windowSize ? Math.floor(windowSize / 2) : 0,
        relativePositionBias: relativePositionBias(tensor(`${self}.relative_position_bias_table`), windowSize),
      });
      const [o] = apply({ ...x, data }, [`${block}.attention.output.dense`]);
      x = sum(x, o as Activations);
      const [hidden] = apply(norm(x, `${block}.layernorm_after`), [`${block}.intermediate.dense`]);
      const [y] = apply(gelu(hidden as Activations), [`${block}.output.dense`]);
      x = sum(x, y as Activations);
    }
    if (stage === depths.length - 1) return;
    const merging = `swin.encoder.layers.${stage}.downsample`;
    const merged = norm(mergedPatches(x, size, C), `${merging}.norm`);
    x = apply(merged, [`${merging}.reduction`])[0] as Activations;
    size /= 2;
    C *= 2;
  });
}

/** `[1, 3, H, W]` → `[H/p · W/p, 3 · p · p]`, as a convolution's weight lies in memory. */
function patchesOf({ data, dims }: Weight, patch: number): Activations {
  const size = dims[2] as number;
  const across = size / patch;
  return tensorOf([across ** 2, 3 * patch ** 2], (token, i) => {
    const [channel, dy, dx] = [Math.floor(i / patch ** 2), Math.floor(i / patch) % patch, i % patch];
    const row = Math.floor(token / across) * patch + dy;
    return data[(channel * size + row) * size + (token % across) * patch + dx] as number;
  });
}

/** Patch merging: the neighbours (0, 0), (1, 0), (0, 1), (1, 1) side by side. */
function mergedPatches({ data }: Activations, size: number, C: number): Activations {
  return tensorOf([size ** 2 / 4, 4 * C], (token, i) => {
    const part = Math.floor(i / C);
    const row = 2 * Math.floor(token / (size / 2)) + (part % 2);
    const column = 2 * (token % (size / 2)) + Math.floor(part / 2);
    return data[(row * size + column) * C + (i % C)] as number;
  });
}

/** Matrices `[tokens, C]` side by side. */
function concatenated(parts: readonly Activations[], C: number): Activations {
  const tokens = parts[0]?.dims[0] as number;
  return tensorOf([tokens, parts.length * C], (token, i) => {
    return parts[Math.floor(i / C)]?.data[token * C + (i % C)] as number;
  });
}

function sum(a: Activations, b: Activations): Activations {
  return { ...a, data: a.data.map((value, i) => value + (b.data[i] as number)) };
}

/** Rows without what they have in common. */
function centred({ data, dims }: Activations): Activations {
  const [rows, C] = dims as [number, number];
  const mean = new Float64Array(C);
  data.forEach((value, i) => {
    mean[i % C] = (mean[i % C] as number) + value / rows;
  });
  return { data: data.map((value, i) => value - (mean[i % C] as number)), dims, type: 'float64' };
}

/** At most `count` rows, evenly spaced. */
function sampled({ data, dims }: Activations, count: number): Activations {
  const [rows, C] = dims as [number, number];
  const step = Math.max(1, Math.floor(rows / count));
  return tensorOf([Math.min(rows, count), C], (row, i) => data[row * step * C + i] as number);
}

function tensorOf(dims: readonly [number, number], value: (row: number, i: number) => number): Activations {
  const data = new Float64Array(dims[0] * dims[1]);
  for (let row = 0; row < dims[0]; row++) {
    for (let i = 0; i < dims[1]; i++) data[row * dims[1] + i] = value(row, i);
  }
  return { data, dims, type: 'float64' };
}

function squares(values: Float32Array | Float64Array): number {
  let total = 0;
  for (const value of values) total += value * value;
  return total;
}
