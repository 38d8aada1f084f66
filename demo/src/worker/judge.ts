import {
  type CaseActuals,
  type CaseInputs,
  checkCase,
  type ImageCaseActuals,
  type ImageCaseInputs,
  OUTPUT_NAMES,
  type OutputName,
  type Verdict,
} from 'flash-window-attention/oracle';
import { actualsOf, casesOf, imageInputsOf, inputsOf } from '../../../build/cli/cases.js';
import { failedOutputs, likeliestReasons } from '../../../build/cli/diagnosis.js';
import { tensorsOf } from '../../../build/cli/tensorBytes.js';
import type { Judged, Verdicts } from '../protocol.js';
import { errorMaps } from './errorMaps.js';

type Inputs = CaseInputs | ImageCaseInputs;
type Actuals = CaseActuals | ImageCaseActuals;

/** Verdicts on a kernel's outputs, the likeliest reasons for those that fail, and where the errors of `o` lie. */
export function judge(title: string, inputs: Inputs, actuals: Actuals): Verdicts {
  const report = checkCase(inputs, actuals);
  const failing = likeliestReasons(inputs, actuals, failedOutputs(report.tensors));
  const entries = Object.entries(report.tensors) as [OutputName, Verdict][];
  const tensors = entries.map(([name, verdict]): Judged => {
    return {
      name,
      pass: verdict.pass,
      maxAbsError: verdict.maxAbsError,
      tolerance: verdict.tolerance,
      worstIndex: `[${verdict.worstIndex.join(', ')}]`,
      findings: (failing[name] ?? []).map(({ name, explanation, residual }) => ({
        name,
        explanation,
        residual,
      })),
    };
  });
  return { title, pass: report.pass, tensors, maps: errorMaps(inputs, actuals, report.tensors) };
}

/** Judges every case of a safetensors or .npz file. @throws RangeError for a malformed file, or one without a case. */
export function judgeFile(name: string, bytes: Uint8Array): Verdicts[] {
  const verdicts = casesOf(name, tensorsOf(name, bytes)).flatMap((item) => {
    const inputs = imageInputsOf(item) ?? inputsOf(item);
    const actuals = actualsOf(item);
    return inputs && Object.keys(actuals).length > 0 ? [judge(item.name || name, inputs, actuals)] : [];
  });
  if (verdicts.length === 0) {
    throw new RangeError(
      `${name}: expected inputs q, k, v (or qkv) and at least one of ${OUTPUT_NAMES.join(', ')}, got no such case`,
    );
  }
  return verdicts;
}
