import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeSafetensors } from '../../build/safetensors/index.js';
import { quantizeStateDict } from '../../build/swin/quantizeStateDict.js';
import { numberToFloat16 } from '../../build/tensor/half.js';

const SWIN_T = {
  model_type: 'swin',
  image_size: 224,
  patch_size: 4,
  num_channels: 3,
  embed_dim: 96,
  depths: [2, 2, 6, 2],
  num_heads: [3, 6, 12, 24],
  window_size: 7,
  mlp_ratio: 4,
  layer_norm_eps: 1e-5,
  num_labels: 1000,
};
const LARGEST_ASSET = 25 * 2 ** 20;

/**
 * Files of a Swin-T of random weights as `dtype`, `int8` or `float16`, as Cloudflare's assets have them: in shards of less
 * than 25 MiB.
 */
export async function swinTiny(dtype) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../bench/randomSwin.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const { randomSwin } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  const random = randomSwin(SWIN_T);
  const { tensors, config } = dtype === 'int8' ? quantizeStateDict(random, SWIN_T) : narrowed(random);
  const files = { 'config.json': JSON.stringify(config) };
  const weightMap = {};
  for (const [i, shard] of shardsOf(tensors).entries()) {
    const file = `model-${i + 1}.safetensors`;
    files[file] = writeSafetensors(shard);
    if (files[file].length > LARGEST_ASSET) throw new Error(`${file}: ${files[file].length} bytes`);
    for (const name in shard) weightMap[name] = file;
  }
  files['model.safetensors.index.json'] = JSON.stringify({ weight_map: weightMap });
  return files;
}

function narrowed(random) {
  const tensors = Object.fromEntries(
    Object.entries(random).map(([name, { data, dims }]) => {
      return [name, { data: Uint16Array.from(data, numberToFloat16), dims, type: 'float16' }];
    }),
  );
  return { tensors, config: SWIN_T };
}

/** Tensors in their order, in as many parts of about equal size as are needed. */
function shardsOf(tensors) {
  const entries = Object.entries(tensors);
  const bytes = entries.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  const room = bytes / Math.ceil(bytes / (0.9 * LARGEST_ASSET));
  let before = 0;
  const shards = [];
  for (const [name, tensor] of entries) {
    const index = Math.floor(before / room);
    shards[index] = { ...shards[index], [name]: tensor };
    before += tensor.data.byteLength;
  }
  return shards.filter(Boolean);
}
