import type { CaseActuals, CaseInputs } from '../oracle/checkCase.js';
import { diagnose } from '../oracle/diagnose.js';
import type { Hypothesis } from '../oracle/hypothesis.js';
import { type ImageCaseActuals, type ImageCaseInputs, isImageCase } from '../oracle/imageCase.js';

/** Hypotheses that a report shows of a tensor. */
const SHOWN = 3;

/** The likeliest reasons of the outputs that fail, by their names: `shown` of each. */
export function likeliestReasons(
  inputs: CaseInputs | ImageCaseInputs,
  actuals: CaseActuals | ImageCaseActuals,
  failed: readonly string[],
  shown = SHOWN,
): { [tensor: string]: readonly Hypothesis[] } {
  if (failed.length === 0) return {};
  const wrong = Object.fromEntries(Object.entries(actuals).filter(([name]) => failed.includes(name)));
  const diagnoses = isImageCase(inputs) ? diagnose(inputs, wrong) : diagnose(inputs, wrong);
  return Object.fromEntries(Object.entries(diagnoses).map(([name, hypotheses]) => [name, hypotheses.slice(0, shown)]));
}

/** Names of the outputs that fail. */
export function failedOutputs(tensors: { readonly [name: string]: { readonly pass: boolean } }): string[] {
  return Object.keys(tensors).filter((name) => tensors[name]?.pass === false);
}
