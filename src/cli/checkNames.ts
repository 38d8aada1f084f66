import { OUTPUT_NAMES } from '../oracle/checkCase.js';
import { IMAGE_OUTPUT_NAMES } from '../oracle/imageCase.js';
import { suggestion } from '../oracle/names.js';
import { hint } from '../tensor/spelling.js';
import { type Case, IMAGE_INPUTS, WINDOW_INPUTS } from './cases.js';
import { outputNames } from './judgeTask.js';
import { UsageError } from './usageError.js';

const FLOATS: readonly string[] = ['float16', 'bfloat16', 'float32', 'float64'];
const OUTPUTS: readonly string[] = [...OUTPUT_NAMES, ...IMAGE_OUTPUT_NAMES];
const GRADIENTS = (item: Case) => {
  const { bias, relativePositionBias, logitScale, qkv } = item.tensors;
  return qkv
    ? ['dQkv', ...(relativePositionBias ? ['dRelativePositionBias'] : []), ...(logitScale ? ['dLogitScale'] : [])]
    : ['dQ', 'dK', 'dV', ...(bias ? ['dBias'] : []), ...(logitScale ? ['dLogitScale'] : [])];
};

/** The cases of one file. */
export interface Cases {
  readonly path: string;
  readonly cases: readonly Case[];
}

/**
 * What two files' cases lack or have too much of, for a pass to mean that everything asked for was judged; each problem
 * behind the path of the file that has it.
 */
export function problemsOf(
  inputs: Cases,
  actuals: Cases,
  { suffix, required }: { readonly suffix: string; readonly required: readonly string[] },
): string[] {
  const { cases } = inputs;
  const problems: string[] = [];
  const add = ({ path }: Cases, ...texts: readonly string[]) => {
    for (const text of texts) problems.push(`${path}: ${text}`);
  };
  for (const file of actuals === inputs ? [inputs] : [inputs, actuals]) {
    for (const item of file.cases) add(file, ...unknownNames(item, suffix));
  }
  for (const item of cases) {
    if (!hasInputs(item)) {
      if (actuals !== inputs || outputsOf(item, suffix).length === 0)
        add(inputs, `${title(item)} has no inputs q, k and v, or qkv`);
      continue;
    }
    const own = actuals.cases.find(({ name }) => name === item.name);
    const outputs = own ? outputsOf(own, suffix, outputNames(item)) : [];
    if (outputs.length === 0) {
      const others = actuals.cases.filter((other) => !hasInputs(other)).map(({ name }) => name);
      const named = suffix ? ` with the suffix ${suffix}` : '';
      add(actuals, `${title(item)} has no outputs${named}${alike(item.name, others)}`);
      continue;
    }
    const missing = required.filter((name) => !outputs.includes(name));
    if (missing.length > 0) add(actuals, `${title(item)} lacks ${missing.join(', ')}, which --require asks for`);
    const gradients = item.tensors.dO
      ? GRADIENTS(item).filter((name) => !outputs.includes(name) && !missing.includes(name))
      : [];
    if (gradients.length > 0) add(actuals, `${title(item)} has dO and lacks ${gradients.join(', ')}`);
  }
  for (const item of actuals.cases) {
    const given = cases.find(({ name }) => name === item.name);
    if (outputsOf(item, suffix).length > 0 && !(given && hasInputs(given))) {
      const names = cases.map(({ name }) => name);
      add(actuals, `outputs of ${title(item)} belong to no case${alike(item.name, names)}`);
    }
  }
  return [...new Set(problems)];
}

/** @throws UsageError for a name that no output has. */
export function checkRequired(names: readonly string[]): void {
  const unknown = names.find((name) => !OUTPUTS.includes(name));
  if (unknown === undefined) return;
  const meant = hint(unknown, OUTPUTS, suggestion(unknown, OUTPUTS));
  throw new UsageError(`--require expected names of ${OUTPUTS.join(', ')}, got ${JSON.stringify(unknown)}${meant}`);
}

/** @throws UsageError for a name that none of the cases has. */
export function checkCaseName({ path, cases }: Cases, name: string | undefined): void {
  if (name === undefined || cases.some((item) => item.name === name)) return;
  const names = cases.map((item) => item.name);
  throw new UsageError(`${path}: expected a case named ${JSON.stringify(name)}, got none${alike(name, names)}`);
}

export function hasInputs({ tensors }: Case): boolean {
  return tensors.qkv !== undefined || (tensors.q !== undefined && tensors.k !== undefined && tensors.v !== undefined);
}

/** Outputs of a case, by their names without the suffix. */
export function outputsOf(item: Case, suffix: string, names: readonly string[] = OUTPUTS): string[] {
  return [...new Set(names)].filter((name) => item.tensors[`${name}${suffix}`]);
}

/** What is unknown of a case's tensors: names that are neither inputs nor outputs; outputs under another suffix are known, arrays of no float type are not ours. */
export function unknownNames(item: Case, suffix = ''): string[] {
  const inputs: readonly string[] = item.tensors.qkv ? IMAGE_INPUTS : WINDOW_INPUTS;
  const known = [...inputs, ...(item.tensors.qkv ? IMAGE_OUTPUT_NAMES : OUTPUT_NAMES), 'scale'];
  const all = new Set<string>([...known, ...OUTPUTS, ...WINDOW_INPUTS, ...IMAGE_INPUTS]);
  return Object.entries(item.tensors).flatMap(([name, { type }]) => {
    const bare = suffix !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    if (all.has(bare) || OUTPUTS.some((output) => new RegExp(`^${output}[^A-Za-z0-9]`).test(bare))) return [];
    const meant = suggestion(bare, known);
    if (!meant && !FLOATS.includes(type)) return [];
    return [`${title(item)} has an unknown tensor ${JSON.stringify(name)}${hint(bare, known, meant)}`];
  });
}

export function title({ name }: Case): string {
  return name === '' ? 'the case' : `case ${JSON.stringify(name)}`;
}

function alike(name: string, names: readonly string[]): string {
  const meant = suggestion(
    name,
    names.filter((other) => other !== name && other !== ''),
  );
  return hint(name, [], meant && JSON.stringify(meant));
}
