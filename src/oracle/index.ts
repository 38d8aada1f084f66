/**
 * Judges a kernel's outputs against the float64 truth, says what a wrong one did, and makes inputs to test with.
 * @module flash-window-attention/oracle
 */

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
export { type Diagnoses, diagnose } from './diagnose.js';
export type { ImageDiagnoses } from './diagnoseImage.js';
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
export { type MatcherOptions, type MatcherResult, toMatchWindowAttention } from './toMatchWindowAttention.js';
export { makeVectors, VECTOR_KINDS, type VectorKind, type VectorOptions, type Vectors } from './vectors.js';
export { HISTOGRAM, type SliceVerdict, type Verdict } from './verdict.js';
