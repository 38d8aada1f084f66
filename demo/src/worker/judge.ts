import type { Tensor, TensorLike } from 'flash-window-attention';
import {
  type CaseActuals,
  type CaseInputs,
  checkCase,
  diagnose,
  type Hypothesis,
  type ImageCaseActuals,
  type ImageCaseInputs,
  OUTPUT_NAMES,
  type OutputName,
  type Verdict,
} from 'flash-window-attention/oracle';
import { shiftedWindowAttention, windowAttention } from 'flash-window-attention/reference';
import { actualsOf, casesOf, imageInputsOf, inputsOf } from '../../../build/cli/cases.js';
import { tensorsOf } from '../../../build/cli/tensorBytes.js';
import type { ErrorMap, Judged, Verdicts } from '../protocol.js';

type Inputs = CaseInputs | ImageCaseInputs;
type Actuals = CaseActuals | ImageCaseActuals;

/** Findings shown for a tensor. */
const SHOWN = 3;
/** Cells beyond this many along an axis are joined. */
const MOST_CELLS = 48;

/** Verdicts on a kernel's outputs, the likeliest reasons for those that fail, and where the errors of `o` lie. */
export function judge(title: string, inputs: Inputs, actuals: Actuals): Verdicts {
  const report = checkCase(inputs, actuals);
  const failing: Readonly<Record<string, readonly Hypothesis[]>> =
    report.tensors.o?.pass === false ? diagnosed(inputs, actuals) : {};
  const entries = Object.entries(report.tensors) as [OutputName, Verdict][];
  const tensors = entries.map(([name, verdict]): Judged => {
    return {
      name,
      pass: verdict.pass,
      maxAbsError: verdict.maxAbsError,
      tolerance: verdict.tolerance,
      worstIndex: `[${verdict.worstIndex.join(', ')}]`,
      findings: (verdict.pass ? [] : (failing[name] ?? [])).slice(0, SHOWN).map(({ name, explanation, residual }) => ({
        name,
        explanation,
        residual,
      })),
    };
  });
  return { title, pass: report.pass, tensors, maps: mapsOf(inputs, actuals, report.tensors.o) };
}

/** Judges every case of a safetensors or .npz file. @throws RangeError for a malformed file, or one without a case. */
export function judgeFile(name: string, bytes: Uint8Array): Verdicts[] {
  const verdicts = casesOf(name, tensorsOf(name, bytes)).flatMap((item) => {
    const inputs = imageInputsOf(item) ?? inputsOf(item);
    const actuals = actualsOf(item);
    return inputs && Object.keys(actuals).length > 0 ? [judge(item.name || name, inputs, actuals)] : [];
  });
  if (verdicts.length === 0) {
    throw new RangeError(
      `${name}: expected inputs q, k, v (or qkv) and at least one of ${OUTPUT_NAMES.join(', ')}, got no such case`,
    );
  }
  return verdicts;
}

function diagnosed(inputs: Inputs, actuals: Actuals): Readonly<Record<string, readonly Hypothesis[]>> {
  const { dO: _, ...forward } = inputs;
  const { o } = actuals as CaseActuals;
  if (!o || 'qkv' in inputs) return {};
  return { o: diagnose(forward as CaseInputs, o) };
}

function mapsOf(inputs: Inputs, actuals: Actuals, verdict: Verdict | undefined): ErrorMap[] {
  const { o } = actuals;
  if (!o || !verdict) return [];
  const { dO: _, ...args } = inputs;
  if ('qkv' in args) {
    const truth = shiftedWindowAttention(args as ImageCaseInputs);
    return [
      mapOf('Over the image, the worst of channels and images', o, truth, verdict.tolerance, [1, 'row'], [2, 'column']),
    ];
  }
  const truth = windowAttention(args as CaseInputs).o;
  return [
    mapOf('Over windows and heads', o, truth, verdict.tolerance, [0, 'window'], [1, 'head']),
    mapOf('Within a window', o, truth, verdict.tolerance, [2, 'token'], [3, 'feature']),
  ];
}

/** Largest errors over tolerance along two of four axes. */
function mapOf(
  title: string,
  actual: TensorLike,
  truth: Tensor<Float64Array>,
  tolerance: number,
  [downAxis, down]: readonly [number, string],
  [acrossAxis, across]: readonly [number, string],
): ErrorMap {
  const { dims } = truth;
  const [sizeDown, sizeAcross] = [dims[downAxis] as number, dims[acrossAxis] as number];
  const [rows, columns] = [Math.min(sizeDown, MOST_CELLS), Math.min(sizeAcross, MOST_CELLS)];
  const stride = (axis: number) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const [strideDown, strideAcross] = [stride(downAxis), stride(acrossAxis)];
  const cells = new Array<number>(rows * columns).fill(0);
  truth.data.forEach((expected, at) => {
    const row = Math.floor(((Math.floor(at / strideDown) % sizeDown) * rows) / sizeDown);
    const column = Math.floor(((Math.floor(at / strideAcross) % sizeAcross) * columns) / sizeAcross);
    const error = Math.abs(Number(actual.data[at]) - expected) / tolerance;
    const cell = row * columns + column;
    // NaN is no smaller than any error.
    cells[cell] = Math.max(cells[cell] as number, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  });
  return { title, rows, columns, cells, down, across };
}
