import { OUTPUT_NAMES } from '../oracle/checkCase.js';
import { IMAGE_OUTPUT_NAMES, imageCase } from '../oracle/imageCase.js';
import type { Products } from '../oracle/products.js';
import type { TensorSource } from '../oracle/tensorSource.js';
import { type JudgedCase, type Judging, windowCase } from '../oracle/windowCase.js';
import { type Case, imageOptionsOf, imageSources, scaleOf, sourceOf, windowSources } from './cases.js';
import { openCases } from './readCases.js';
import { wasmProducts } from './wasmProducts.js';

/** What it takes to judge one case of two files: sent to threads, which open the files themselves. */
export interface JudgeTask {
  readonly input: string;
  readonly actuals: string;
  readonly name: string;
  readonly suffix: string;
  readonly judging: Judging;
  /** Outputs to judge, by their names without the suffix. */
  readonly outputs: readonly string[];
}

/** A stretch of a case. */
export interface Span {
  readonly first: number;
  readonly count: number;
}

/** Opens the files of a task again and makes its case. */
export function openTask(task: JudgeTask): JudgedCase {
  const find = (path: string) => openCases(path, true).cases.find(({ name }) => name === task.name) as Case;
  const inputs = find(task.input);
  return caseOf(inputs, task.actuals === task.input ? inputs : find(task.actuals), task, wasmProducts());
}

/** `products` multiply its matrices: compiled once, they serve many cases. */
export function caseOf(
  inputs: Case,
  actuals: Case,
  { suffix, outputs, judging: how }: Omit<JudgeTask, 'input' | 'actuals' | 'name'>,
  products: Products,
): JudgedCase {
  const judging = { ...how, products };
  const sources = outputSources(actuals, suffix, outputs);
  const images = imageSources(inputs);
  if (images) return imageCase({ inputs: images, options: imageOptionsOf(inputs), actuals: sources }, judging);
  return windowCase({ inputs: windowSources(inputs) ?? {}, scale: scaleOf(inputs), actuals: sources }, judging);
}

/** The outputs of a case by their names without the suffix. */
export function outputSources(
  { tensors }: Case,
  suffix: string,
  names: readonly string[],
): { [name: string]: TensorSource } {
  const present = names.filter((name) => tensors[`${name}${suffix}`]);
  return Object.fromEntries(
    present.map((name) => [name, sourceOf(`actuals.${name}`, tensors[`${name}${suffix}`] as never)]),
  );
}

/** Names of outputs that a case may have. */
export function outputNames(item: Case): readonly string[] {
  return item.tensors.qkv ? IMAGE_OUTPUT_NAMES : OUTPUT_NAMES;
}
