/**
 * Swin V1 and V2 classifiers, models and backbones.
 * @module flash-window-attention/swin
 */

export type { RawImage } from '../image/rawImage.js';
export { resizeRelativePositionBias } from '../reference/resizeRelativePositionBias.js';
export type { SwinConfig } from './config.js';
export type { WeightDType } from './linearWeight.js';
export type { PretrainedOptions, SwinForwardOptions, SwinOptions } from './loadedSwin.js';
export type { PreprocessOptions } from './preprocess.js';
export type { PreprocessorConfig } from './preprocessor.js';
export type { LoadOptions, LoadProgress, PretrainedFiles, PretrainedSource } from './pretrained.js';
export type { Classification } from './scores.js';
export { SwinBackbone, type SwinBackboneOptions, type SwinBackboneOutput } from './swinBackbone.js';
export { type ClassifyOptions, SwinForImageClassification, type SwinOutput } from './swinForImageClassification.js';
export { SwinModel, type SwinModelOutput } from './swinModel.js';
export type { TimmConfig } from './timmConfig.js';
