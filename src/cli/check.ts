import { type CaseReport, checkCase, OUTPUT_NAMES, type OutputName } from '../oracle/checkCase.js';
import type { Precision } from '../oracle/precision.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Case, inputsOf, readCases } from './cases.js';
import { UsageError } from './usageError.js';

export interface CheckOptions {
  readonly suffix?: string;
  readonly dtype?: Precision;
  readonly case?: string;
}

export interface CheckResult {
  readonly pass: boolean;
  readonly cases: readonly (CaseReport & { readonly name: string })[];
}

/** Judges the outputs in `actuals` (or in `input` itself), named with `suffix`, of every case of `input`. */
export async function check(input: string, actuals: string | undefined, options: CheckOptions): Promise<CheckResult> {
  const cases = (await readCases(input)).filter(({ name }) => options.case === undefined || name === options.case);
  if (cases.length === 0) throw new UsageError(`${input}: expected a case named "${options.case}", got none`);
  const judged = actuals === undefined ? cases : await readCases(actuals);
  const reports: (CaseReport & { name: string })[] = [];
  for (const item of cases) {
    const inputs = inputsOf(item);
    const outputs = outputsOf(
      judged.find(({ name }) => name === item.name),
      options.suffix ?? '',
    );
    if (!inputs || Object.keys(outputs).length === 0) continue;
    reports.push({ name: item.name, ...checkCase(inputs, outputs, { dtype: options.dtype }) });
  }
  if (reports.length === 0) {
    throw new UsageError(
      `${actuals ?? input}: expected tensors ${OUTPUT_NAMES.join(', ')}, got none of them for any case`,
    );
  }
  return { pass: reports.every(({ pass }) => pass), cases: reports };
}

function outputsOf(item: Case | undefined, suffix: string): { [name in OutputName]?: Tensor } {
  const entries = OUTPUT_NAMES.map((name) => [name, item?.tensors[`${name}${suffix}`]] as const);
  return Object.fromEntries(entries.filter(([, tensor]) => tensor !== undefined));
}

/** One line a tensor. */
export function formatCheck({ pass, cases }: CheckResult): string {
  const lines = cases.flatMap(({ name, dtype, tensors }) =>
    Object.entries(tensors).map(([tensor, verdict]) => {
      const figures = [
        `error ${verdict.maxAbsError.toExponential(2)}`,
        `naive ${dtype} ${verdict.naiveError.toExponential(2)}`,
        `ratio ${verdict.ratio.toFixed(2)}`,
        `max ulp ${verdict.maxUlpError.toPrecision(3)}`,
        `worst at [${verdict.worstIndex.join(', ')}]`,
      ];
      return `${verdict.pass ? 'pass' : 'FAIL'}  ${[name, tensor].filter(Boolean).join('.')}  ${figures.join('  ')}`;
    }),
  );
  const failed = lines.filter((line) => line.startsWith('FAIL')).length;
  return [...lines, pass ? `${lines.length} tensors pass` : `${failed} of ${lines.length} tensors fail`].join('\n');
}
