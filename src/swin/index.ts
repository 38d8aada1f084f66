import { createWindowAttention } from '../attention/createWindowAttention.js';
import { SwinForImageClassification as Swin } from './swinForImageClassification.js';

export type { RawImage } from '../image/rawImage.js';
export type { SwinConfig } from './config.js';
export type { PreprocessOptions } from './preprocess.js';
export type { PreprocessorConfig } from './preprocessor.js';
export type { LoadProgress, PretrainedFiles, PretrainedSource } from './pretrained.js';
export type { Classification, SwinOptions, SwinOutput } from './swinForImageClassification.js';

/** A Swin image classifier. Source: Liu et al. 2021; transformers, `SwinForImageClassification`. */
export class SwinForImageClassification extends Swin {
  protected static override createAttention = createWindowAttention;
}
