// A Swin of two blocks with weights made up here, since not every runtime has files.

export const CONFIG = {
  model_type: 'swin',
  image_size: 64,
  patch_size: 4,
  num_channels: 3,
  embed_dim: 32,
  depths: [2],
  num_heads: [2],
  window_size: 8,
  num_labels: 10,
};

/** Numbers from −1 to 1 that depend on the seed alone. */
export function numbers(length, seed) {
  let state = Math.imul(seed, 0x9e3779b1);
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** By transformers' names. */
export function stateDict(config = CONFIG) {
  const { embed_dim: C, depths, num_heads, patch_size, num_channels, window_size, num_labels, mlp_ratio = 4 } = config;
  const tensors = {};
  const add = (name, ...dims) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    const data = numbers(length, Object.keys(tensors).length + 1).map((x) => (x * 2) / Math.sqrt(dims.at(-1)));
    tensors[name] = { data, dims };
  };
  const layer = (name, ...dims) => {
    add(`${name}.weight`, ...dims);
    add(`${name}.bias`, dims[0]);
  };
  layer('swin.embeddings.patch_embeddings.projection', C, num_channels, patch_size, patch_size);
  layer('swin.embeddings.norm', C);
  for (let b = 0; b < depths[0]; b++) {
    const block = `swin.encoder.layers.0.blocks.${b}`;
    for (const norm of ['layernorm_before', 'layernorm_after']) layer(`${block}.${norm}`, C);
    for (const part of ['query', 'key', 'value']) layer(`${block}.attention.self.${part}`, C, C);
    add(`${block}.attention.self.relative_position_bias_table`, (2 * window_size - 1) ** 2, num_heads[0]);
    layer(`${block}.attention.output.dense`, C, C);
    layer(`${block}.intermediate.dense`, mlp_ratio * C, C);
    layer(`${block}.output.dense`, C, mlp_ratio * C);
  }
  layer('swin.layernorm', C);
  layer('classifier', num_labels, C);
  return tensors;
}
