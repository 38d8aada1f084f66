import { type CaseActuals, type CaseInputs, OUTPUT_NAMES } from '../oracle/checkCase.js';
import { IMAGE_OUTPUT_NAMES, type ImageCaseActuals, type ImageCaseInputs } from '../oracle/imageCase.js';
import type { FloatTensor, TensorSource } from '../oracle/tensorSource.js';
import { type FloatType, float64Tensor, type Tensor, toFloat64 } from '../tensor/tensor.js';
import type { StoredTensor } from './npy.js';
import type { TensorFile } from './tensorBytes.js';

/** One case of a file: its parameters and its tensors, without the prefix `name.`. */
export interface Case {
  /** Empty where the file holds one case without a name. */
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, StoredTensor>>;
}

export const WINDOW_INPUTS = ['q', 'k', 'v', 'bias', 'mask', 'logitScale', 'dO'] as const;
export const IMAGE_INPUTS = ['qkv', 'relativePositionBias', 'paddingQkv', 'logitScale', 'dO'] as const;
/** Parameters that may also come as small arrays. */
const PARAMETERS = ['scale', 'numHeads', 'windowSize', 'shiftSize', 'rollBeforePadding', 'alwaysShift'] as const;
/** Names after which a dot belongs to the tensor: `case.o.fault`. */
const TENSOR_NAMES: readonly string[] = [
  ...WINDOW_INPUTS,
  ...IMAGE_INPUTS,
  ...OUTPUT_NAMES,
  ...IMAGE_OUTPUT_NAMES,
  ...PARAMETERS,
];

/**
 * The cases of a safetensors or .npz file: those that the metadata's JSON list `cases` names, those whose tensors carry
 * a prefix, or a single one whose tensors carry none. Parameters are those of the list, arrays of a parameter's name, and
 * for what neither has the metadata itself.
 * @throws RangeError for a malformed file or list, or a scale that is no finite number.
 */
export function casesOf(path: string, { tensors, metadata }: TensorFile): Case[] {
  const listed = new Map(listedCases(path, metadata.cases).map((params) => [params.name, params]));
  const cases = new Map<string, Record<string, StoredTensor>>();
  for (const [key, tensor] of tensors) {
    const [name, own] = splitKey(key, listed);
    const others = cases.get(name) ?? {};
    others[own] = tensor;
    cases.set(name, others);
  }
  const shared = { ...parsed(metadata), ...parametersOf(path, cases.get('') ?? {}) };
  const named = [...cases].filter(
    ([name, own]) => name !== '' || Object.keys(withoutParameters(own)).length > 0 || cases.size === 1,
  );
  return named.map(([name, own]) => {
    const params: Record<string, unknown> = { ...shared, ...listed.get(name), ...parametersOf(path, own) };
    const { scale } = params;
    if (scale !== undefined && (typeof scale !== 'number' || !Number.isFinite(scale))) {
      throw new RangeError(
        `${path}: scale of case "${name}" expected to be a finite number, got ${JSON.stringify(scale) ?? String(scale)}`,
      );
    }
    return { name, params, tensors: withoutParameters(own) };
  });
}

/** Name of the case and of the tensor. */
function splitKey(key: string, listed: ReadonlyMap<string, unknown>): [string, string] {
  const parts = key.split('.');
  for (let end = parts.length - 1; end > 0; end--) {
    const name = parts.slice(0, end).join('.');
    if (listed.has(name)) return [name, parts.slice(end).join('.')];
  }
  const first = parts.findIndex((part) => TENSOR_NAMES.includes(part));
  const end = first < 0 ? parts.length - 1 : first;
  return [parts.slice(0, end).join('.'), parts.slice(end).join('.')];
}

function withoutParameters(tensors: Readonly<Record<string, StoredTensor>>): Record<string, StoredTensor> {
  return Object.fromEntries(
    Object.entries(tensors).filter(([name]) => !(PARAMETERS as readonly string[]).includes(name)),
  );
}

/** Parameters that come as arrays of one number, or of one an axis. */
function parametersOf(path: string, tensors: Readonly<Record<string, StoredTensor>>): Record<string, unknown> {
  const present = PARAMETERS.filter((name) => tensors[name]);
  return Object.fromEntries(
    present.map((name) => {
      const values = [...float64Of(wholeOf(tensors[name] as StoredTensor))];
      const isPair = name === 'windowSize' || name === 'shiftSize';
      if (values.length !== 1 && !(isPair && values.length === 2)) {
        throw new RangeError(`${path}: ${name} expected one number${isPair ? ' or two' : ''}, got ${values.length}`);
      }
      if (!values.every(Number.isFinite))
        throw new RangeError(`${path}: ${name} expected finite numbers, got ${values.join(', ')}`);
      const isFlag = name === 'rollBeforePadding' || name === 'alwaysShift';
      return [name, isFlag ? values[0] !== 0 : values.length === 1 ? values[0] : values];
    }),
  );
}

/** The case's tensors over windows as float tensors of the library's shapes; undefined without q, k and v. */
export function windowSources({ tensors }: Case): { [name: string]: TensorSource } | undefined {
  return tensors.q && tensors.k && tensors.v ? sourcesOf(tensors, WINDOW_INPUTS) : undefined;
}

/** The case's tensors over images, likewise; undefined without qkv. */
export function imageSources({ tensors }: Case): { [name: string]: TensorSource } | undefined {
  return tensors.qkv ? sourcesOf(tensors, IMAGE_INPUTS) : undefined;
}

export function imageOptionsOf({ params, tensors }: Case): Omit<ImageCaseInputs, 'qkv'> {
  const { numHeads, windowSize, shiftSize, alwaysShift, rollBeforePadding, scale } =
    params as unknown as ImageCaseInputs;
  return {
    numHeads,
    windowSize,
    ...(shiftSize !== undefined && { shiftSize }),
    ...(alwaysShift !== undefined && { alwaysShift }),
    ...(rollBeforePadding !== undefined && { rollBeforePadding }),
    ...(scale !== undefined && !tensors.logitScale && { scale }),
  };
}

/** The case's arguments of `forward` as a whole, and dO where it has one; undefined without q, k and v. */
export function inputsOf(item: Case): CaseInputs | undefined {
  const sources = windowSources(item);
  const scale = scaleOf(item);
  return sources && ({ ...readSources(sources), ...(scale !== undefined && { scale }) } as unknown as CaseInputs);
}

/** The case's arguments of `shiftedWindowAttention` as a whole, and dO where it has one; undefined without qkv. */
export function imageInputsOf(item: Case): ImageCaseInputs | undefined {
  const sources = imageSources(item);
  return sources && ({ ...readSources(sources), ...imageOptionsOf(item) } as unknown as ImageCaseInputs);
}

/** The case's outputs as a whole. */
export function actualsOf({ tensors }: Case): CaseActuals & ImageCaseActuals {
  return readSources(sourcesOf(tensors, [...new Set([...OUTPUT_NAMES, ...IMAGE_OUTPUT_NAMES])]));
}

/** The scale of a case over windows; undefined under cosine attention. */
export function scaleOf({ params, tensors }: Case): number | undefined {
  return tensors.logitScale ? undefined : (params.scale as number | undefined);
}

/** Tensors of a case by name, read as a whole. */
export function readSources(sources: Readonly<Record<string, TensorSource>>): Record<string, FloatTensor> {
  return Object.fromEntries(
    Object.entries(sources).map(([name, source]) => [
      name,
      { ...source.read(0, source.dims[0] ?? 1), dims: source.dims },
    ]),
  );
}

function sourcesOf(tensors: Case['tensors'], names: readonly string[]): { [name: string]: TensorSource } {
  const present = names.filter((name) => tensors[name]);
  return Object.fromEntries(present.map((name) => [name, sourceOf(name, tensors[name] as StoredTensor)]));
}

const FLOATS: readonly string[] = ['float16', 'bfloat16', 'float32', 'float64'];

/** A stored tensor as the library takes it: frameworks' axes of one dropped, boolean and integer masks as numbers. */
export function sourceOf(name: string, stored: StoredTensor): TensorSource {
  const { dims, type } = stored;
  if (dims.length === 4 && dims[0] === 1 && (name === 'bias' || name === 'relativePositionBias')) {
    return wholeSource(dims.slice(1), name, stored);
  }
  if (dims.length === 4 && dims[1] === 1 && name === 'mask')
    return wholeSource([dims[0] as number, ...dims.slice(2)], name, stored);
  if (!FLOATS.includes(type)) return wholeSource(dims, name, stored);
  return { dims, type: type as FloatType, read: (first, count) => stored.read(first, count) as FloatTensor };
}

function wholeSource(dims: readonly number[], name: string, stored: StoredTensor): TensorSource {
  const tensor = wholeOf(stored);
  const isFloat = FLOATS.includes(tensor.type);
  if (!isFloat && name !== 'mask')
    throw new RangeError(`${name} expected float16, bfloat16, float32 or float64, got ${tensor.type}`);
  // PyTorch's boolean masks: true takes part, false is −∞.
  const values = float64Of(tensor);
  const numbers = tensor.type === 'bool' ? values.map((x) => (x === 0 ? Number.NEGATIVE_INFINITY : 0)) : values;
  const whole = isFloat ? (tensor as FloatTensor) : (float64Tensor(dims, numbers) as FloatTensor);
  const size = whole.data.length / (dims[0] || 1);
  return {
    dims,
    type: whole.type,
    read: (first, count) => ({
      data: (whole.data as Float32Array).subarray(first * size, (first + count) * size),
      dims: [count, ...dims.slice(1)],
      type: whole.type,
    }),
  };
}

function wholeOf(stored: StoredTensor): Tensor {
  return { ...stored.read(0, stored.dims[0] ?? 1), dims: stored.dims };
}

function float64Of(tensor: Tensor): Float64Array {
  if (FLOATS.includes(tensor.type)) return toFloat64(tensor);
  return Float64Array.from(tensor.data as Int32Array, Number);
}

function listedCases(path: string, text: string | undefined): { readonly name: string }[] {
  if (text === undefined) return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined;
  }
  const isList = Array.isArray(list) && list.every((item) => typeof item?.name === 'string');
  if (!isList) throw new RangeError(`${path}: expected metadata "cases" to be a JSON list of objects with a name`);
  return list as { name: string }[];
}

/** Metadata values are strings; those of parameters spell JSON. */
function parsed(metadata: Readonly<Record<string, string>>): Record<string, unknown> {
  const present = PARAMETERS.filter((name) => metadata[name] !== undefined);
  return Object.fromEntries(
    present.map((name) => {
      try {
        return [name, JSON.parse(metadata[name] as string)];
      } catch {
        return [name, metadata[name]];
      }
    }),
  );
}
