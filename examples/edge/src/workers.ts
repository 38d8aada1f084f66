// Cloudflare Workers: the embedded model comes with the script.
import config from 'flash-window-attention/models/swin-cifar10/config.json';
import weights from 'flash-window-attention/models/swin-cifar10/model.safetensors';
import preprocessor from 'flash-window-attention/models/swin-cifar10/preprocessor_config.json';
import type { SwinConfig } from 'flash-window-attention/swin';
import { createIsolateBackend } from './isolate.ts';
import { createWorker } from './worker.ts';

export default createWorker(() => ({
  model: 'swin-cifar10',
  load: () => createIsolateBackend({ config: config as SwinConfig, weights, preprocessor }),
}));
