import { OUTPUT_NAMES } from '../oracle/checkCase.js';
import { IMAGE_OUTPUT_NAMES } from '../oracle/imageCase.js';
import { suggestion } from '../oracle/names.js';
import { type Case, IMAGE_INPUTS, WINDOW_INPUTS } from './cases.js';
import { outputNames } from './judgeTask.js';

const FLOATS: readonly string[] = ['float16', 'bfloat16', 'float32', 'float64'];
const OUTPUTS: readonly string[] = [...OUTPUT_NAMES, ...IMAGE_OUTPUT_NAMES];
const GRADIENTS = (item: Case) => {
  const { bias, relativePositionBias, logitScale, qkv } = item.tensors;
  return qkv
    ? ['dQkv', ...(relativePositionBias ? ['dRelativePositionBias'] : []), ...(logitScale ? ['dLogitScale'] : [])]
    : ['dQ', 'dK', 'dV', ...(bias ? ['dBias'] : []), ...(logitScale ? ['dLogitScale'] : [])];
};

/** What a file's cases lack or have too much of, for a pass to mean that everything asked for was judged. */
export function problemsOf(
  cases: readonly Case[],
  actuals: readonly Case[],
  { suffix, required }: { readonly suffix: string; readonly required: readonly string[] },
): string[] {
  const problems: string[] = [];
  for (const item of new Set([...cases, ...actuals])) problems.push(...unknownNames(item, suffix));
  for (const item of cases) {
    if (!hasInputs(item)) {
      if (!actuals.includes(item) || outputsOf(item, suffix).length === 0)
        problems.push(`${title(item)} has no inputs q, k and v, or qkv`);
      continue;
    }
    const own = actuals.find(({ name }) => name === item.name);
    const outputs = own ? outputsOf(own, suffix, outputNames(item)) : [];
    if (outputs.length === 0) {
      problems.push(
        `${title(item)} has no outputs${suffix ? ` with the suffix ${suffix}` : ''}${alike(
          item.name,
          actuals.filter((other) => !hasInputs(other)).map(({ name }) => name),
        )}`,
      );
      continue;
    }
    const missing = required.filter((name) => !outputs.includes(name));
    if (missing.length > 0) problems.push(`${title(item)} lacks ${missing.join(', ')}, which --require asks for`);
    const gradients = item.tensors.dO
      ? GRADIENTS(item).filter((name) => !outputs.includes(name) && !missing.includes(name))
      : [];
    if (gradients.length > 0) problems.push(`${title(item)} has dO and lacks ${gradients.join(', ')}`);
  }
  for (const item of actuals) {
    const inputs = cases.find(({ name }) => name === item.name);
    if (outputsOf(item, suffix).length > 0 && !(inputs && hasInputs(inputs))) {
      problems.push(
        `outputs of ${title(item)} belong to no case${alike(
          item.name,
          cases.map(({ name }) => name),
        )}`,
      );
    }
  }
  return [...new Set(problems)];
}

export function hasInputs({ tensors }: Case): boolean {
  return tensors.qkv !== undefined || (tensors.q !== undefined && tensors.k !== undefined && tensors.v !== undefined);
}

/** Outputs of a case, by their names without the suffix. */
export function outputsOf(item: Case, suffix: string, names: readonly string[] = OUTPUTS): string[] {
  return [...new Set(names)].filter((name) => item.tensors[`${name}${suffix}`]);
}

/** Names that are neither inputs nor outputs; outputs under another suffix are known, arrays of no float type are not ours. */
function unknownNames(item: Case, suffix: string): string[] {
  const inputs: readonly string[] = item.tensors.qkv ? IMAGE_INPUTS : WINDOW_INPUTS;
  const known = [...inputs, ...(item.tensors.qkv ? IMAGE_OUTPUT_NAMES : OUTPUT_NAMES), 'scale'];
  const all = new Set<string>([...known, ...OUTPUTS, ...WINDOW_INPUTS, ...IMAGE_INPUTS]);
  return Object.entries(item.tensors).flatMap(([name, { type }]) => {
    const bare = suffix !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    if (all.has(bare) || OUTPUTS.some((output) => new RegExp(`^${output}[^A-Za-z0-9]`).test(bare))) return [];
    const meant = suggestion(bare, known);
    if (!meant && !FLOATS.includes(type)) return [];
    return [`${title(item)} has an unknown tensor ${JSON.stringify(name)}${meant ? `: did you mean ${meant}?` : ''}`];
  });
}

function title({ name }: Case): string {
  return name === '' ? 'the case' : `case ${JSON.stringify(name)}`;
}

function alike(name: string, names: readonly string[]): string {
  const meant = suggestion(
    name,
    names.filter((other) => other !== name && other !== ''),
  );
  return meant ? `: did you mean ${JSON.stringify(meant)}?` : '';
}
