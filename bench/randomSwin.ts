import type { SwinConfig } from 'flash-window-attention/swin';

export interface Weight {
  readonly data: Float32Array;
  readonly dims: readonly number[];
  readonly type: 'float32';
}

/** The config of a benchmarked model: square windows and images, four-fold MLPs. */
export interface BenchConfig extends SwinConfig {
  readonly model_type: 'swin' | 'swinv2';
  readonly image_size: number;
  readonly patch_size: number;
  readonly embed_dim: number;
  readonly depths: readonly number[];
  readonly num_heads: readonly number[];
  readonly window_size: number;
  readonly num_labels: number;
}

/** Hidden units of Swin V2's position bias network. */
const CPB_HIDDEN = 512;

/** Normally distributed numbers of a seeded stream: mulberry32 by Box and Muller. */
export function normalNumbers(seed: number): () => number {
  let state = seed | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/**
 * The state dict of a Swin by transformers' names, normally distributed from a fixed seed: matrices keep the size of
 * their inputs, norms are near 1, biases near 0.
 */
export function randomSwin(config: BenchConfig, seed = 42): Record<string, Weight> {
  const { model_type: type, embed_dim: C0, depths, num_heads: heads, window_size: window, patch_size: patch } = config;
  const next = normalNumbers(seed);
  const tensors: Record<string, Weight> = {};
  const add = (name: string, dims: readonly number[], scale: number, mean = 0) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    tensors[name] = { data: Float32Array.from({ length }, () => mean + scale * next()), dims, type: 'float32' };
  };
  const linear = (name: string, outputs: number, inputs: number, hasBias = true) => {
    add(`${name}.weight`, [outputs, inputs], inputs ** -0.5);
    if (hasBias) add(`${name}.bias`, [outputs], 0.1);
  };
  const norm = (name: string, C: number) => {
    add(`${name}.weight`, [C], 0.1, 1);
    add(`${name}.bias`, [C], 0.1);
  };
  add(`${type}.embeddings.patch_embeddings.projection.weight`, [C0, 3, patch, patch], (3 * patch * patch) ** -0.5);
  add(`${type}.embeddings.patch_embeddings.projection.bias`, [C0], 0.1);
  norm(`${type}.embeddings.norm`, C0);
  depths.forEach((depth, stage) => {
    const C = C0 * 2 ** stage;
    const H = heads[stage] as number;
    for (let b = 0; b < depth; b++) {
      const block = `${type}.encoder.layers.${stage}.blocks.${b}`;
      const attention = `${block}.attention.self`;
      norm(`${block}.layernorm_before`, C);
      for (const part of ['query', 'key', 'value']) {
        linear(`${attention}.${part}`, C, C, type === 'swin' || part !== 'key');
      }
      if (type === 'swin') add(`${attention}.relative_position_bias_table`, [(2 * window - 1) ** 2, H], 0.5);
      else {
        add(`${attention}.logit_scale`, [H, 1, 1], 0.1, Math.log(10));
        linear(`${attention}.continuous_position_bias_mlp.0`, CPB_HIDDEN, 2);
        linear(`${attention}.continuous_position_bias_mlp.2`, H, CPB_HIDDEN, false);
      }
      linear(`${block}.attention.output.dense`, C, C);
      norm(`${block}.layernorm_after`, C);
      linear(`${block}.intermediate.dense`, 4 * C, C);
      linear(`${block}.output.dense`, C, 4 * C);
    }
    if (stage < depths.length - 1) {
      const merging = `${type}.encoder.layers.${stage}.downsample`;
      linear(`${merging}.reduction`, 2 * C, 4 * C, false);
      norm(`${merging}.norm`, type === 'swin' ? 4 * C : 2 * C);
    }
  });
  const last = C0 * 2 ** (depths.length - 1);
  norm(`${type}.layernorm`, last);
  linear('classifier', config.num_labels, last);
  return tensors;
}

/** An image of random pixels, `[1, 3, size, size]`. */
export function pixelsOf(size: number, seed = 7): Weight {
  const next = normalNumbers(seed);
  return { data: Float32Array.from({ length: 3 * size * size }, next), dims: [1, 3, size, size], type: 'float32' };
}
