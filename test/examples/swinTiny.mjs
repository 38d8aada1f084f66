import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeSafetensors } from '../../build/safetensors/index.js';
import { quantizeStateDict } from '../../build/swin/quantizeStateDict.js';

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

/** Files of a Swin-T of random weights in int8, as Cloudflare's assets have them: in shards of less than 25 MiB. */
export async function swinTiny() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../bench/randomSwin.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const { randomSwin } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  const { tensors, config } = quantizeStateDict(randomSwin(SWIN_T), SWIN_T);
  const names = Object.keys(tensors);
  const isInLastStage = (name) => name.includes('layers.3');
  const shards = [names.filter((name) => !isInLastStage(name)), names.filter(isInLastStage)];
  const files = { 'config.json': JSON.stringify(config) };
  const weightMap = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-${i + 1}.safetensors`;
    files[file] = writeSafetensors(Object.fromEntries(shard.map((name) => [name, tensors[name]])));
    if (files[file].length > LARGEST_ASSET) throw new Error(`${file}: ${files[file].length} bytes`);
    for (const name of shard) weightMap[name] = file;
  }
  files['model.safetensors.index.json'] = JSON.stringify({ weight_map: weightMap });
  return files;
}
