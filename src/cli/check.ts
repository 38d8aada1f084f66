import { writeFile } from 'node:fs/promises';
import { type CaseInputs, type CaseReport, checkCase, OUTPUT_NAMES, type OutputName } from '../oracle/checkCase.js';
import { diagnose } from '../oracle/diagnose.js';
import { errorMap } from '../oracle/errorMap.js';
import type { Hypothesis } from '../oracle/hypothesis.js';
import { IMAGE_OUTPUT_NAMES, isImageCase } from '../oracle/imageCase.js';
import type { Precision } from '../oracle/precision.js';
import { windowAttention } from '../reference/windowAttention.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Case, imageInputsOf, inputsOf } from './cases.js';
import { readCases } from './readCases.js';
import { UsageError } from './usageError.js';

export interface CheckOptions {
  readonly suffix?: string;
  readonly dtype?: Precision;
  readonly case?: string;
  /** Where to draw the errors of `o`, of the last case that has one. */
  readonly map?: string;
}

/** Verdicts on a case and, where its `o` fails, the likeliest reasons. */
export interface CheckedCase extends CaseReport {
  readonly name: string;
  readonly diagnosis?: readonly Hypothesis[];
}

export interface CheckResult {
  readonly pass: boolean;
  readonly cases: readonly CheckedCase[];
}

/** Hypotheses that a report shows. */
export const SHOWN = 3;

/** Judges the outputs in `actuals` (or in `input` itself), named with `suffix`, of every case of `input`. */
export async function check(input: string, actuals: string | undefined, options: CheckOptions): Promise<CheckResult> {
  const cases = (await readCases(input)).filter(({ name }) => options.case === undefined || name === options.case);
  if (cases.length === 0) throw new UsageError(`${input}: expected a case named "${options.case}", got none`);
  const judged = actuals === undefined ? cases : await readCases(actuals);
  const reports: CheckedCase[] = [];
  for (const item of cases) {
    const inputs = imageInputsOf(item) ?? inputsOf(item);
    const outputs = outputsOf(
      judged.find(({ name }) => name === item.name),
      options.suffix ?? '',
    );
    if (!inputs || Object.keys(outputs).length === 0) continue;
    const report = checkCase(inputs, outputs, { dtype: options.dtype });
    if (options.map !== undefined && outputs.o && report.tensors.o && !isImageCase(inputs)) {
      const truth = windowAttention({ ...inputs }).o;
      await writeFile(options.map, errorMap(outputs.o, truth, report.tensors.o.tolerance));
    }
    const isWrong = !isImageCase(inputs) && outputs.o !== undefined && report.tensors.o?.pass === false;
    const diagnosis = isWrong ? diagnose(inputs as CaseInputs, outputs.o as Tensor).slice(0, SHOWN) : undefined;
    reports.push({ name: item.name, ...report, ...(diagnosis && { diagnosis }) });
  }
  if (reports.length === 0) {
    throw new UsageError(
      `${actuals ?? input}: expected tensors ${OUTPUT_NAMES.join(', ')}, got none of them for any case`,
    );
  }
  return { pass: reports.every(({ pass }) => pass), cases: reports };
}

function outputsOf(item: Case | undefined, suffix: string): { [name in OutputName]?: Tensor } {
  const names = new Set<OutputName>([...OUTPUT_NAMES, ...IMAGE_OUTPUT_NAMES]);
  const entries = [...names].map((name) => [name, item?.tensors[`${name}${suffix}`]] as const);
  return Object.fromEntries(entries.filter(([, tensor]) => tensor !== undefined));
}
