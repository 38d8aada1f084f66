import { availableParallelism } from 'node:os';
import { allowedBy, type CaseReport, reportOf, type CheckOptions as Tolerances } from '../oracle/checkCase.js';
import { errorMap } from '../oracle/errorMap.js';
import type { Hypothesis } from '../oracle/hypothesis.js';
import type { Precision } from '../oracle/precision.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { windowAttention } from '../reference/windowAttention.js';
import {
  type Case,
  imageInputsOf,
  imageOptionsOf,
  imageSources,
  inputsOf,
  readSources,
  scaleOf,
  windowSources,
} from './cases.js';
import { hasInputs, outputsOf, problemsOf } from './checkNames.js';
import { diagnosisOf, failedOutputs } from './diagnosis.js';
import { differences } from './differences.js';
import { allSpans, judgeSpans, sampledSpans } from './judgeSpans.js';
import { caseOf, type JudgeTask, outputNames, outputSources } from './judgeTask.js';
import { openCases } from './readCases.js';
import { UsageError } from './usageError.js';
import { writeWhole } from './writeFile.js';

export interface CheckOptions extends Pick<Tolerances, 'atol' | 'rtol'> {
  readonly suffix?: string | undefined;
  readonly dtype?: Precision | undefined;
  readonly case?: string | undefined;
  /** Where to draw the errors of `o`: one file a case, its name before the ending where there are several. */
  readonly map?: string | undefined;
  /** Judge what is there, whatever is missing or unknown. */
  readonly allowMissing?: boolean | undefined;
  /** Outputs that every case must have. */
  readonly require?: readonly string[] | undefined;
  /** Outputs of another run, to be the same to the bit. */
  readonly repeat?: string | undefined;
  /** So many windows or images of every case, drawn by `seed`. */
  readonly sample?: number | undefined;
  readonly seed?: number | undefined;
  readonly threads?: number | undefined;
  readonly onProgress?: ((name: string, done: number, all: number) => void) | undefined;
}

/** Verdicts on a case and, by tensor, the likeliest reasons of what fails. */
export interface CheckedCase extends CaseReport {
  readonly name: string;
  /** Whether the case is of images rather than windows. */
  readonly isImage?: true;
  readonly diagnosis?: { readonly [tensor: string]: readonly Hypothesis[] };
  /** Outputs that a second run returned with other bits. */
  readonly notDeterministic?: readonly string[];
  /** What was judged where that is not all. */
  readonly sample?: {
    readonly judged: number;
    readonly of: number;
    readonly seed: number;
    readonly notJudged: readonly string[];
  };
}

export interface CheckResult {
  readonly pass: boolean;
  readonly cases: readonly CheckedCase[];
}

/** Elements of a case's scores beyond which threads are worth their start. */
const MANY = 2 ** 24;
const SUMMED: readonly string[] = ['dBias', 'dRelativePositionBias', 'dLogitScale'];

/** Judges the outputs in `actuals` (or in `input` itself), named with `suffix`, of every case of `input`. */
export async function check(input: string, actuals: string | undefined, options: CheckOptions): Promise<CheckResult> {
  const { suffix = '' } = options;
  const isAsked = ({ name }: Case) => options.case === undefined || name === options.case;
  const file = openCases(input);
  const cases = file.cases.filter(isAsked);
  if (cases.length === 0) throw new UsageError(`${input}: expected a case named "${options.case}", got none`);
  const own = actuals === undefined ? cases : openCases(actuals).cases.filter(isAsked);
  const required = options.require ?? [];
  const problems = options.allowMissing ? [] : problemsOf(cases, own, { suffix, required });
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join('; ');
    throw new UsageError(
      `${actuals ?? input}: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ''} (--allow-missing judges what is there)`,
    );
  }
  const judged = cases.filter(
    (item) =>
      hasInputs(item) &&
      outputsOf(own.find(({ name }) => name === item.name) ?? item, suffix, outputNames(item)).length > 0,
  );
  if (judged.length === 0) throw new UsageError(`${actuals ?? input}: expected outputs, got none for any case`);
  const repeated = options.repeat === undefined ? undefined : openCases(options.repeat).cases;
  const reports: CheckedCase[] = [];
  for (const item of judged) {
    const outputs = own.find(({ name }) => name === item.name) as Case;
    const report = await checkOne({ input, actuals: actuals ?? input, item, outputs, suffix, options });
    const again = repeated?.find(({ name }) => name === item.name);
    if (repeated && !again) throw new UsageError(`${options.repeat}: expected case "${item.name}", got none`);
    const notDeterministic =
      again && differences(outputs, again, outputsOf(outputs, suffix, outputNames(item)), suffix);
    reports.push({ ...report, ...(notDeterministic && { notDeterministic }) });
    if (options.map !== undefined)
      await drawMap(mapPath(options.map, item, judged.length), item, outputs, suffix, report);
  }
  const isSame = reports.every(({ notDeterministic }) => !notDeterministic || notDeterministic.length === 0);
  return { pass: isSame && reports.every(({ pass }) => pass), cases: reports };
}

interface Checked {
  readonly input: string;
  readonly actuals: string;
  readonly item: Case;
  readonly outputs: Case;
  readonly suffix: string;
  readonly options: CheckOptions;
}

async function checkOne({ input, actuals, item, outputs, suffix, options }: Checked): Promise<CheckedCase> {
  const { name } = item;
  const names = outputsOf(outputs, suffix, outputNames(item));
  const isSampled = options.sample !== undefined;
  const kept = isSampled ? names.filter((output) => !SUMMED.includes(output)) : names;
  const dtype = options.dtype ?? 'float32';
  const task: JudgeTask = {
    input,
    actuals,
    name,
    suffix,
    outputs: kept,
    judging: { dtype, allowed: allowedBy(options) },
  };
  const judgedCase = caseOf(item, outputs, task);
  const seed = options.seed ?? 1;
  const spans = isSampled ? sampledSpans(judgedCase, options.sample as number, seed) : allSpans(judgedCase);
  const { dims } = (item.tensors.qkv ?? item.tensors.q) as { readonly dims: readonly number[] };
  const elements =
    dims.reduce((count, size) => count * size, isSampled ? spans.length / (judgedCase.count || 1) : 1) * 16;
  const threads = elements < MANY ? 1 : (options.threads ?? availableParallelism());
  const onProgress = options.onProgress && ((done: number, all: number) => options.onProgress?.(name, done, all));
  const report = reportOf(judgedCase, await judgeSpans(judgedCase, task, spans, { threads, onProgress }), dtype);
  const failed = isSampled ? [] : failedOutputs(report.tensors);
  const inputs = failed.length > 0 ? (imageInputsOf(item) ?? inputsOf(item)) : undefined;
  const diagnosis = inputs ? diagnosisOf(inputs, readSources(outputSources(outputs, suffix, failed)), failed) : {};
  return {
    name,
    ...report,
    ...(item.tensors.qkv && { isImage: true }),
    ...(Object.keys(diagnosis).length > 0 && { diagnosis }),
    ...(isSampled && {
      sample: {
        judged: spans.length,
        of: judgedCase.count,
        seed,
        notJudged: names.filter((output) => !kept.includes(output)),
      },
    }),
  };
}

async function drawMap(path: string, item: Case, outputs: Case, suffix: string, report: CaseReport): Promise<void> {
  const { o } = readSources(outputSources(outputs, suffix, ['o']));
  if (!o || !report.tensors.o) return;
  const images = imageSources(item);
  const scale = scaleOf(item);
  const truth = images
    ? shiftedWindowAttention({ ...withoutGradient(readSources(images)), ...imageOptionsOf(item) } as never)
    : windowAttention({
        ...withoutGradient(readSources(windowSources(item) ?? {})),
        ...(scale !== undefined && { scale }),
      } as never).o;
  const axes = images ? (['image', 'line', 'column', 'channel'] as const) : undefined;
  await writeWhole(path, errorMap(o, truth, report.tensors.o.tolerance, axes));
}

function withoutGradient<T>({ dO: _, ...inputs }: Record<string, T>): Record<string, T> {
  return inputs;
}

/** `map.svg`, or `map.name.svg` where several cases are judged. */
function mapPath(path: string, { name }: Case, cases: number): string {
  if (cases === 1) return path;
  const own = name.replace(/[^\w.-]/g, '_') || 'case';
  return /\.svg$/.test(path) ? path.replace(/\.svg$/, `.${own}.svg`) : `${path}.${own}`;
}
