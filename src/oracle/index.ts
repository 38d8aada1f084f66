export {
  type CaseActuals,
  type CaseInputs,
  type CaseReport,
  type CheckOptions,
  checkCase,
  OUTPUT_NAMES,
  type OutputName,
  type WindowOutputName,
} from './checkCase.js';
export { type Comparison, compare, type Tolerance } from './compare.js';
export { diagnose } from './diagnose.js';
export { errorMap } from './errorMap.js';
export type { Hypothesis } from './hypothesis.js';
export {
  IMAGE_OUTPUT_NAMES,
  type ImageCaseActuals,
  type ImageCaseInputs,
  type ImageOutputName,
} from './imageCase.js';
export type { WrongPlaces } from './locateErrors.js';
export { PRECISIONS, type Precision } from './precision.js';
export { type MatcherResult, toMatchWindowAttention } from './toMatchWindowAttention.js';
export { makeVectors, VECTOR_KINDS, type VectorKind, type VectorOptions } from './vectors.js';
export { HISTOGRAM, type SliceVerdict, type Verdict } from './verdict.js';
