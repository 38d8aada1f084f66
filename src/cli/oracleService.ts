import { type CaseActuals, type CaseInputs, type CaseReport, checkCase } from '../oracle/checkCase.js';
import { errorMap } from '../oracle/errorMap.js';
import { isImageCase } from '../oracle/imageCase.js';
import { makeVectors, type VectorOptions } from '../oracle/vectors.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { windowAttention } from '../reference/windowAttention.js';
import { readSafetensors } from '../safetensors/readSafetensors.js';
import { writeSafetensors } from '../safetensors/writeSafetensors.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import { sourceOf } from './cases.js';
import type { CheckedCase } from './check.js';
import { CHECK_REPORTS } from './checkReports.js';
import { failedOutputs, likeliestReasons } from './diagnosis.js';

/** A call of the oracle as it arrives: tensors named `inputs.q`, `outputs.o`, …, and the rest as JSON. */
interface Request {
  readonly method: string;
  /** Arguments that are no tensors, such as `scale` and `windowSize`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Answer {
  readonly result: unknown;
  readonly tensors?: Readonly<Record<string, Tensor>>;
}

const METHODS: Readonly<Record<string, (request: Request) => Answer>> = {
  check(request) {
    const { inputs, outputs } = caseOf(request);
    return reportOf(inputs, checkCase(inputs, outputs, request.options));
  },
  checkAndDiagnose(request) {
    const { inputs, outputs } = caseOf(request);
    const report = checkCase(inputs, outputs, request.options);
    return reportOf(inputs, report, likeliestReasons(inputs, outputs, failedOutputs(report.tensors)));
  },
  diagnose(request) {
    const { inputs, outputs } = caseOf(request);
    return { result: likeliestReasons(inputs, outputs, Object.keys(outputs), Number.POSITIVE_INFINITY) };
  },
  vectors({ options }) {
    return { result: null, tensors: makeVectors(options as unknown as VectorOptions) };
  },
  errorMap(request) {
    const { inputs, outputs } = caseOf(request);
    const verdict = checkCase(inputs, outputs, request.options).tensors.o;
    if (!outputs.o || !verdict) return { result: null };
    const { dO: _, ...forward } = inputs;
    return {
      result: isImageCase(forward)
        ? errorMap(outputs.o, shiftedWindowAttention(forward), verdict.tolerance, [
            'image',
            'line',
            'column',
            'channel',
          ])
        : errorMap(outputs.o, windowAttention(forward).o, verdict.tolerance),
    };
  },
};

/**
 * Answers one call of the oracle from another language. A call and its answer are safetensors files; the metadata hold what
 * is no tensor: `request` is `{ method, inputs, options }`, `response` is `{ result }` or `{ error: { name, message } }`.
 */
export function answerOracleCall(bytes: Uint8Array): Uint8Array {
  try {
    const { tensors, metadata } = readSafetensors(bytes);
    const { method, ...request } = JSON.parse(metadata.request ?? '{}') as Omit<Request, 'tensors'>;
    const call = METHODS[method];
    if (!call) throw new RangeError(`"method" expected one of ${Object.keys(METHODS).join(', ')}, got ${method}`);
    const { result, tensors: made = {} } = call({ method, ...request, tensors });
    return writeSafetensors(made, { response: JSON.stringify({ result }, markNonFinite) });
  } catch (error) {
    const { name, message } = error as Error;
    return writeSafetensors({}, { response: JSON.stringify({ error: { name, message } }) });
  }
}

function caseOf({ inputs, tensors }: Request): { inputs: CaseInputs; outputs: CaseActuals } {
  const under = (prefix: string) =>
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor] as const);
  const given = under('inputs.').map(([name, tensor]) => [name, asInput(name, tensor)] as const);
  return {
    inputs: { ...inputs, ...Object.fromEntries(given) } as unknown as CaseInputs,
    outputs: Object.fromEntries(under('outputs.')),
  };
}

/** Biases and masks as frameworks have them; what is no input of any form stays as it is, to be refused by its name. */
function asInput(name: string, tensor: Tensor): TensorLike {
  const isBias = name === 'bias' || name === 'relativePositionBias';
  if (name !== 'mask' && !(isBias && tensor.dims.length === 4)) return tensor;
  const source = sourceOf(name, { ...tensor, read: () => tensor });
  return { ...source.read(0, source.dims[0] ?? 1), dims: source.dims };
}

function reportOf(inputs: CaseInputs, report: CaseReport, diagnosis: CheckedCase['diagnosis'] = {}): Answer {
  const checked = { name: '', ...report, ...(isImageCase(inputs) && { isImage: true as const }), diagnosis };
  return { result: { ...report, text: CHECK_REPORTS.text?.({ pass: report.pass, cases: [checked] }) } };
}

/** JSON has no infinities or NaN: `{ float: 'NaN' }` stands for one. */
function markNonFinite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { float: String(value) } : value;
}
