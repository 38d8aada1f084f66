export type { SwinConfig } from './config.js';
export type { PreprocessorConfig, RawImage } from './preprocess.js';
export type { PretrainedFiles, PretrainedSource } from './pretrained.js';
export {
  type Classification,
  SwinForImageClassification,
  type SwinOptions,
  type SwinOutput,
} from './swinForImageClassification.js';
