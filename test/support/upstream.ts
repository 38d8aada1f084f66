import type { SwinConfig } from '../../src/swin/index.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import type { GoldenCase } from './golden.js';

/** The state dict of a golden model: its tensors `w.*`. */
export function stateDictOf({ tensors }: GoldenCase): Record<string, Tensor> {
  const weights = Object.entries(tensors).filter(([name]) => name.startsWith('w.'));
  return Object.fromEntries(weights.map(([name, tensor]) => [name.slice(2), tensor]));
}

/** The config of a golden model; `image` is the size that it was built for. */
export function configOf({ name, params }: GoldenCase, labels?: number): SwinConfig {
  const { image, num_classes, ...config } = params as { image: [number, number]; num_classes?: number };
  return {
    image_size: image,
    model_type: name.includes('v2') ? 'swinv2' : 'swin',
    ...((num_classes ?? labels) && { num_labels: num_classes ?? labels }),
    ...config,
  } as unknown as SwinConfig;
}
