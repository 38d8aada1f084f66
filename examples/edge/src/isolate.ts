import { createWindowAttention } from 'flash-window-attention';
import { decodeImage, type RawImage } from 'flash-window-attention/image';
import { type PretrainedOptions, type PretrainedSource, SwinForImageClassification } from 'flash-window-attention/swin';
import type { Backend } from './backend.ts';
import { LIMITS } from './limits.ts';

/** A model and an engine on the isolate's own thread. */
export async function createIsolateBackend(
  source: PretrainedSource,
  options: Omit<PretrainedOptions, 'attention'> = {},
): Promise<Backend> {
  const attention = await createWindowAttention();
  const model = await SwinForImageClassification.fromPretrained(source, { ...options, attention });
  const pixelsOf = async (image: Uint8Array | RawImage) =>
    image instanceof Uint8Array ? decodeImage(image, { maxPixels: LIMITS.pixels }) : image;
  return {
    labels: model.labels,
    classify: async (image, options) => model.classify(await pixelsOf(image), options),
    async embed(image, { square, signal }) {
      const pixels = model.preprocess(await pixelsOf(image), { square });
      return (await model.forward(pixels, { signal })).poolerOutput;
    },
    forward: (args, options) => attention.forward(args, options),
  };
}
