import type { CaseInputs } from '../oracle/checkCase.js';
import type { ImageCaseInputs } from '../oracle/imageCase.js';
import type { Tensor } from '../tensor/tensor.js';
import type { TensorFile } from './tensorBytes.js';

/** One case of a file: its parameters and its tensors, without the prefix `name.`. */
export interface Case {
  /** Empty where the file holds one case without a name. */
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/**
 * The cases of a safetensors or .npz file: those that the metadata's JSON list `cases` names, those whose tensors carry
 * a prefix, or a single one whose tensors carry none and whose parameters are the metadata itself.
 * @throws RangeError for a malformed file or list.
 */
export function casesOf(path: string, { tensors, metadata }: TensorFile): Case[] {
  const params = new Map(listedCases(path, metadata.cases).map((listed) => [listed.name, listed]));
  const cases = new Map<string, Record<string, Tensor>>();
  for (const [key, tensor] of Object.entries(tensors)) {
    const dot = key.lastIndexOf('.');
    const name = dot < 0 ? '' : key.slice(0, dot);
    const own = cases.get(name) ?? {};
    own[key.slice(dot + 1)] = tensor;
    cases.set(name, own);
  }
  return [...cases].map(([name, own]) => ({
    name,
    params: params.get(name) ?? (name === '' ? numbersOf(metadata) : {}),
    tensors: own,
  }));
}

/** The case's arguments of `forward`, and dO where it has one. */
export function inputsOf({ params, tensors }: Case): CaseInputs | undefined {
  const { q, k, v, bias, mask, logitScale, dO } = tensors;
  if (!q || !k || !v) return undefined;
  const scale = params.scale;
  return {
    q,
    k,
    v,
    ...(bias && { bias }),
    ...(mask && { mask }),
    ...(logitScale ? { logitScale } : typeof scale === 'number' && { scale }),
    ...(dO && { dO }),
  };
}

/** The case's arguments of `shiftedWindowAttention`, sizes from its parameters, and dO where it has one. */
export function imageInputsOf({ params, tensors }: Case): ImageCaseInputs | undefined {
  const { qkv, relativePositionBias, logitScale, paddingQkv, dO } = tensors;
  if (!qkv) return undefined;
  const { numHeads, windowSize, shiftSize, alwaysShift, rollBeforePadding, scale } =
    params as unknown as ImageCaseInputs;
  return {
    qkv,
    numHeads,
    windowSize,
    ...(shiftSize !== undefined && { shiftSize }),
    ...(alwaysShift !== undefined && { alwaysShift }),
    ...(rollBeforePadding !== undefined && { rollBeforePadding }),
    ...(relativePositionBias && { relativePositionBias }),
    ...(paddingQkv && { paddingQkv }),
    ...(logitScale ? { logitScale } : typeof scale === 'number' && { scale }),
    ...(dO && { dO }),
  };
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

/** Metadata values are strings; those that spell a number are parameters. */
function numbersOf(metadata: Readonly<Record<string, string>>): Record<string, number> {
  const entries = Object.entries(metadata).map(([key, value]) => [key, Number(value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
}
