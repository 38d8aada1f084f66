import { createWindowAttention } from '../attention/createWindowAttention.js';
import { SwinBackbone as Backbone } from './swinBackbone.js';
import { SwinForImageClassification as Classifier } from './swinForImageClassification.js';
import { SwinModel as Model } from './swinModel.js';

export type { RawImage } from '../image/rawImage.js';
export { resizeRelativePositionBias } from '../reference/resizeRelativePositionBias.js';
export type { SwinConfig } from './config.js';
export type { PretrainedOptions, SwinOptions } from './loadedSwin.js';
export type { PreprocessOptions } from './preprocess.js';
export type { PreprocessorConfig } from './preprocessor.js';
export type { LoadOptions, LoadProgress, PretrainedFiles, PretrainedSource } from './pretrained.js';
export type { Classification } from './scores.js';
export type { SwinBackboneOptions, SwinBackboneOutput } from './swinBackbone.js';
export type { ClassifyOptions, SwinOutput } from './swinForImageClassification.js';
export type { SwinModelOutput } from './swinModel.js';
export type { TimmConfig } from './timmConfig.js';

/** A Swin image classifier. Source: Liu et al. 2021; transformers, `SwinForImageClassification`. */
export class SwinForImageClassification extends Classifier {
  protected static override createAttention = createWindowAttention;
}

/** A Swin without a classifier. Source: transformers, `SwinModel`. */
export class SwinModel extends Model {
  protected static override createAttention = createWindowAttention;
}

/** A Swin that returns feature maps. Source: transformers, `SwinBackbone`. */
export class SwinBackbone extends Backbone {
  protected static override createAttention = createWindowAttention;
}
