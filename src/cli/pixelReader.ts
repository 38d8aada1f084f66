import { checkConfig, type SwinConfig } from '../swin/config.js';
import { preprocess } from '../swin/preprocess.js';
import { checkPreprocessor, type PreprocessorConfig } from '../swin/preprocessor.js';
import type { TimmConfig } from '../swin/timmConfig.js';
import type { Tensor } from '../tensor/tensor.js';
import { readImage } from './image.js';

/** How image files become pixel values; worker threads can be sent it. */
export interface PixelOptions {
  readonly config: SwinConfig | TimmConfig;
  readonly preprocessorConfig: PreprocessorConfig | undefined;
  readonly square: boolean | undefined;
  readonly maxPixels: number | undefined;
}

/** Makes pixel values `[1, C, H, W]` of an image file. Rejects for one that cannot be read. */
export type ReadPixels = (path: string) => Promise<Tensor<Float32Array>>;

export function pixelReader({ config, preprocessorConfig, square, maxPixels }: PixelOptions): ReadPixels {
  const preprocessor = checkPreprocessor(preprocessorConfig, checkConfig(config));
  return async (path) => preprocess(await readImage(path, { maxPixels }), preprocessor, { square });
}
