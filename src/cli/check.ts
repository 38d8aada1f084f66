import { availableParallelism } from 'node:os';
import { allowedBy, type CaseReport, reportOf, type CheckOptions as Tolerances } from '../oracle/checkCase.js';
import { errorMap } from '../oracle/errorMap.js';
import type { Hypothesis } from '../oracle/hypothesis.js';
import type { Precision } from '../oracle/precision.js';
import type { Products } from '../oracle/products.js';
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
import { checkCaseName, checkRequired, hasInputs, outputsOf, problemsOf } from './checkNames.js';
import { failedOutputs, likeliestReasons } from './diagnosis.js';
import { differences } from './differences.js';
import { allSpans, judgeSpans, sampledSpans } from './judgeSpans.js';
import { caseOf, type JudgeTask, outputNames, outputSources } from './judgeTask.js';
import { checkOutput } from './outputFile.js';
import { openCases } from './readCases.js';
import { UsageError } from './usageError.js';
import { wasmProducts } from './wasmProducts.js';
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
  const { suffix = '', require: required = [], map } = options;
  checkRequired(required);
  if (map !== undefined) checkOutput('--map', map, ['.svg'], [input, actuals, options.repeat]);
  const isAsked = ({ name }: Case) => options.case === undefined || name === options.case;
  const open = (path: string) => ({ path, cases: openCases(path).cases });
  const inputFile = open(input);
  checkCaseName(inputFile, options.case);
  const given = { path: input, cases: inputFile.cases.filter(isAsked) };
  const found = actuals === undefined ? given : { path: actuals, cases: open(actuals).cases.filter(isAsked) };
  const [cases, own] = [given.cases, found.cases];
  const problems = options.allowMissing ? [] : problemsOf(given, found, { suffix, required });
  if (problems.length > 0) {
    const more = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
    throw new UsageError(`${problems.slice(0, 5).join('; ')}${more} (--allow-missing judges what is there)`);
  }
  const judged = cases.filter(
    (item) =>
      hasInputs(item) &&
      outputsOf(own.find(({ name }) => name === item.name) ?? item, suffix, outputNames(item)).length > 0,
  );
  if (judged.length === 0) throw new UsageError(`${actuals ?? input}: expected outputs, got none for any case`);
  if (map !== undefined && !judged.some((item) => own.find(({ name }) => name === item.name)?.tensors[`o${suffix}`])) {
    throw new UsageError(`${found.path}: expected an output o${suffix} for --map to draw the errors of, got none`);
  }
  const repeated = options.repeat === undefined ? undefined : openCases(options.repeat).cases;
  const reports: CheckedCase[] = [];
  const products = wasmProducts();
  for (const item of judged) {
    const outputs = own.find(({ name }) => name === item.name) as Case;
    const report = await checkOne({ input, actuals: actuals ?? input, item, outputs, suffix, options, products });
    const again = repeated?.find(({ name }) => name === item.name);
    if (repeated && !again) throw new UsageError(`${options.repeat}: expected case "${item.name}", got none`);
    const notDeterministic =
      again && differences(outputs, again, outputsOf(outputs, suffix, outputNames(item)), suffix);
    reports.push({ ...report, ...(notDeterministic && { notDeterministic }) });
    if (map !== undefined) await drawMap(mapPath(map, item, judged), item, outputs, suffix, report);
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
  readonly products: Products;
}

async function checkOne(given: Checked): Promise<CheckedCase> {
  const { input, actuals, item, outputs, suffix, options, products } = given;
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
  const judgedCase = caseOf(item, outputs, task, products);
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
  const diagnosis = inputs ? likeliestReasons(inputs, readSources(outputSources(outputs, suffix, failed)), failed) : {};
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

/** `map.svg`, or `map.name.svg` where several cases are judged; numbered where their names differ in other letters alone. */
function mapPath(path: string, item: Case, cases: readonly Case[]): string {
  if (cases.length === 1) return path;
  const plain = ({ name }: Case) => name.replace(/[^\w.-]/g, '_') || 'case';
  const alike = cases.filter((other) => plain(other) === plain(item));
  const number = alike.length > 1 ? `.${alike.indexOf(item) + 1}` : '';
  return path.replace(/\.svg$/, `.${plain(item)}${number}.svg`);
}
