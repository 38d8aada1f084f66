import { type CaseInputs, type ImageCaseInputs, makeVectors } from 'flash-window-attention/oracle';
import { windowAttention } from 'flash-window-attention/reference';
import { checkAttentionArgs } from '../../../../build/arguments/attentionArgs.js';
import { checkShiftedWindowArgs } from '../../../../build/arguments/shiftedWindowArgs.js';
import { knownFaults } from '../../../../build/oracle/families/index.js';
import type { Fault } from '../../../../build/oracle/faults.js';
import { FaultyAttention } from '../../../../build/oracle/faultyAttention.js';
import { FaultyImage } from '../../../../build/oracle/faultyImage.js';
import { faultyProblem } from '../../../../build/oracle/faultyProblem.js';
import { imageFamilies } from '../../../../build/oracle/imageFamilies/index.js';
import { type ImageFault, imageProblem } from '../../../../build/oracle/imageFault.js';
import type { FaultName } from '../../protocol.js';
import { LOGIT_SCALE, logitScaleOf } from './cosine.js';
import { imageInputs } from './images.js';
import { faultInputs, float32, type PlantedFault } from './inputs.js';

/** A kernel that has whichever of the oracle's faults it is given, part of an output by part. */
interface Kernel<F> {
  readonly inputs: CaseInputs | ImageCaseInputs;
  readonly output: string;
  readonly dims: readonly number[];
  readonly parts: number;
  run(fault: F, part: number): Float64Array;
}

interface Named<F> {
  readonly name: string;
  readonly explanation: string;
  readonly fault: F;
}

type WindowOutput = 'o' | 'lse' | 'dV' | 'dQ' | 'dK' | 'dBias' | 'dLogitScale';
type ImageOutput = 'o' | 'dQkv' | 'dRelativePositionBias';

const range = (count: number) => Array.from({ length: count }, (_, n) => n);
/** Of the inputs at which faults are known to show. */
const SEED = 1;
/** Share of the right output that a fault must change to be seen. */
const SEEN = 2e-4;

/** Cases over windows: two images of shifted windows, the same in cosine attention, and sizes that no tile divides. */
const CASES = {
  '': () => faultInputs(SEED),
  ', cosine attention': () => ({ ...faultInputs(SEED), logitScale: logitScaleOf(LOGIT_SCALE) }),
  ', odd sizes': () => oddInputs(),
  ', odd sizes, cosine attention': () => ({ ...oddInputs(), logitScale: logitScaleOf([-0.5, 1, 2]) }),
} satisfies { readonly [name: string]: () => CaseInputs };

/** Six windows of three heads, each with any numbers for a mask, so that the mask's transpose and its multiples show. */
function oddInputs(): CaseInputs {
  const vectors = makeVectors({ shape: [6, 3, 9, 12], bias: true, backward: true, seed: SEED });
  const mask = { ...makeVectors({ shape: [1, 3, 9, 9], seed: SEED + 1 }).q, dims: [3, 9, 9] };
  return { ...vectors, mask };
}

function problemOf({ dO, ...forward }: CaseInputs) {
  const { o, lse } = windowAttention(forward);
  return faultyProblem({ ...checkAttentionArgs(forward), dO }, { o: o.data, lse: lse.data });
}

/** A part is a window and head, or a head where windows are summed. */
function windowKernel(output: WindowOutput, inputs: CaseInputs, problem: ReturnType<typeof problemOf>): Kernel<Fault> {
  const { B, H, L, D } = problem;
  const kernel = new FaultyAttention(problem, range(L));
  const kinds = { lse: [B, H, L], dBias: [H, L, L], dLogitScale: [H] } as const;
  const isSum = output === 'dBias' || output === 'dLogitScale';
  return {
    inputs,
    output,
    dims: (kinds as { readonly [name: string]: readonly number[] })[output] ?? [B, H, L, D],
    parts: isSum ? H : B * H,
    run(fault, part) {
      if (!isSum) return kernel.run(fault, output, Math.floor(part / H), part % H);
      const windows = range(B).map(
        (b) => [fault.windowShare?.(b, B) ?? 1, kernel.run(fault, output, b, part)] as const,
      );
      return (windows[0]?.[1] ?? new Float64Array(0)).map((_, at) =>
        windows.reduce((sum, [share, own]) => sum + share * (share === 0 ? 0 : (own[at] as number)), 0),
      );
    },
  };
}

function imageProblemOf({ dO, ...forward }: ReturnType<typeof imageInputs>) {
  return imageProblem(checkShiftedWindowArgs(forward), forward.shiftSize, dO);
}

/** A part is a row of an image, or all of a sum. */
function imageKernel(
  output: ImageOutput,
  inputs: ReturnType<typeof imageInputs>,
  problem: ReturnType<typeof imageProblemOf>,
): Kernel<ImageFault> {
  const kernel = new FaultyImage(problem);
  const { Himg, Wimg, C, H: heads, L: tokens } = problem;
  if (output === 'dRelativePositionBias') {
    const run = (fault: ImageFault) => kernel.sum(fault, 'dBias', range(tokens));
    return { inputs, output, dims: [heads, tokens, tokens], parts: 1, run };
  }
  return {
    inputs,
    output,
    dims: [problem.B, Himg, Wimg, output === 'o' ? C : 3 * C],
    parts: problem.B * Himg,
    run: (fault, part) =>
      kernel.tokens(
        fault,
        output,
        range(Wimg).map((x) => part * Wimg + x),
      ),
  };
}

/**
 * Whether numbers show the fault: what depends on unknown memory, or overflows, cannot be planted, and some change nothing at
 * these sizes.
 */
function isSeen<F extends object>(kernel: Kernel<F>, fault: F, rightOf: (part: number) => Float64Array): boolean {
  let isOther = false;
  for (let part = 0; part < kernel.parts; part++) {
    const [own, right] = [kernel.run(fault, part), rightOf(part)];
    if (own.some((x, at) => !Number.isFinite(Math.fround(x)) && Number.isFinite(right[at]))) return false;
    const size = right.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    isOther ||= own.some((x, at) => Math.abs(x - (right[at] as number)) > SEEN * size);
  }
  return isOther;
}

/** A kernel, and every fault of it that the oracle knows. */
type Source<F> = () => { readonly kernel: Kernel<F>; readonly variants: readonly Named<F>[] };

/** One of the oracle's faults: of which list, and where it stands there. */
export interface KnownFault extends FaultName {
  readonly list: number;
  readonly at: number;
}

interface List {
  readonly group: string;
  /** Those whose names are not yet `named`, each in the likeliest form that numbers show, and names them. */
  kinds(named: Set<string>): { readonly at: number; readonly name: string; readonly text: string }[];
  plant(at: number): ReturnType<PlantedFault['plant']>;
}

function listOf<F extends object>(group: string, right: F, source: Source<F>): List {
  return {
    group,
    kinds(named) {
      const { kernel, variants } = source();
      const rights = new Map<number, Float64Array>();
      const rightOf = (part: number) => {
        const own = rights.get(part) ?? kernel.run(right, part);
        rights.set(part, own);
        return own;
      };
      return variants.flatMap(({ name, explanation, fault }, at) => {
        if (named.has(name) || !isSeen(kernel, fault, rightOf)) return [];
        named.add(name);
        return [{ at, name, text: explanation }];
      });
    },
    plant(at) {
      const { kernel, variants } = source();
      const { inputs, output, dims, parts, run } = kernel;
      const { fault } = variants[at] as Named<F>;
      const all = range(parts).flatMap((part) => [...run(fault, part)]);
      const actual = float32({ data: Float64Array.from(all), dims, type: 'float64' });
      return { inputs, actuals: { [output]: actual } };
    },
  };
}

const windowSource =
  (output: WindowOutput, caseOf: () => CaseInputs): Source<Fault> =>
  () => {
    const inputs = caseOf();
    const problem = problemOf(inputs);
    return { kernel: windowKernel(output, inputs, problem), variants: knownFaults({ problem, output }) };
  };

const imageSource =
  (output: ImageOutput): Source<ImageFault> =>
  () => {
    const inputs = imageInputs(SEED);
    const problem = imageProblemOf(inputs);
    return { kernel: imageKernel(output, inputs, problem), variants: imageFamilies({ problem, output }).flat() };
  };

const WINDOW_OUTPUTS = ['o', 'lse', 'dV', 'dQ', 'dK', 'dBias', 'dLogitScale'] as const;
const IMAGE_OUTPUTS = ['o', 'dQkv', 'dRelativePositionBias'] as const;

const LISTS: readonly List[] = [
  ...Object.entries(CASES).flatMap(([name, caseOf]) =>
    WINDOW_OUTPUTS.filter((output) => output !== 'dLogitScale' || 'logitScale' in caseOf()).map((output) =>
      listOf(`Known of ${output}${name}`, {}, windowSource(output, caseOf)),
    ),
  ),
  ...IMAGE_OUTPUTS.map((output) => listOf(`Known of ${output}, images`, {}, imageSource(output))),
];

/** Every kind of fault in the oracle's own lists but `named`, as far as numbers of these sizes show it. Takes seconds. */
export function knownFaultsBut(named: Iterable<string>): KnownFault[] {
  const known = new Set(named);
  return LISTS.flatMap(({ group, kinds }, list) => kinds(known).map((kind) => ({ ...kind, group, list })));
}

/** A case that the oracle's own faulty kernel computed. */
export function plantKnown({ list, at }: KnownFault): ReturnType<PlantedFault['plant']> {
  const own = LISTS[list];
  if (!own) throw new RangeError(`"list" expected to be below ${LISTS.length}, got ${list}`);
  return own.plant(at);
}
