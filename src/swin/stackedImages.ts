import { float32Tensor, type Tensor } from '../tensor/tensor.js';

/** Most pixel values of a batch: 13 images of 224 × 224. More would cost memory and gain no speed. */
export const MAX_BATCH = 2 ** 21;

/** Images `[1, C, H, W]` of one size, as one batch. */
export function stackedImages(images: readonly Tensor<Float32Array>[]): Tensor<Float32Array> {
  const [first] = images as [Tensor<Float32Array>];
  if (images.length === 1) return first;
  const batch = float32Tensor([images.length, ...first.dims.slice(1)]);
  images.forEach(({ data }, i) => {
    batch.data.set(data, i * data.length);
  });
  return batch;
}
