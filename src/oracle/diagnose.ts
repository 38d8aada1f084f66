import { checkAttentionArgs } from '../arguments/attentionArgs.js';
import { windowAttention } from '../reference/windowAttention.js';
import { checkDims } from '../tensor/check.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';
import type { CaseInputs } from './checkCase.js';
import { FAULT_KINDS, type Fault } from './faults.js';
import { type FaultyInputs, faultyAttention, faultyInputs } from './faultyAttention.js';
import { type Hypothesis, ROUNDING, WORTH_SAYING } from './hypothesis.js';
import { localHypotheses } from './localFaults.js';
import { locateErrors } from './locateErrors.js';

/** Windows that hypotheses are tried on: so many that are wrong, and so many that are right. */
const WRONG_WINDOWS = 5;
const RIGHT_WINDOWS = 2;
/** Single faults that are combined with every other one. */
const PARTNERS = 6;

/**
 * Says what a wrong output looks like: tries every kind of fault, and pairs of them where no single one explains the
 * output, on some of the windows. `inputs` as `forward` takes them; `actualO`: `[B, H, L, D]`, any float type. Returns
 * hypotheses, the one that explains the output best first: `correct` for a right output, `unexplained` for a wrong one that
 * nothing comes near.
 * @throws TypeError for what is no tensor; RangeError for sizes that disagree or no elements.
 */
export function diagnose(inputs: CaseInputs, actualO: TensorLike): Hypothesis[] {
  const { q, k, v, bias, mask, scale, logitScale } = inputs;
  const args = checkAttentionArgs({ q, k, v, bias, mask, scale, logitScale });
  const actual = toFloat64(checkDims('actualO', actualO, '[B, H, L, D]', args.q.dims));
  if (actual.length === 0) throw new RangeError('"actualO" expected elements, got B = 0');
  const truth = windowAttention({ q, k, v, bias, mask, scale, logitScale }).o.data;
  const places = locateErrors(actual, truth, args);
  const trial = new Trial(faultyInputs(args), actual, truth, places.windows);
  const where = places.where && { where: places.where };
  const explain = (name: string, explanation: string, residual: number): Hypothesis => ({
    name,
    explanation,
    residual,
    ...(name !== 'correct' && where),
  });

  const distance = trial.residual({});
  const correct =
    distance <= ROUNDING
      ? explain(
          'correct',
          'the output is right but for rounding, perhaps of a lower precision than it is judged in',
          distance,
        )
      : explain('unexplained', 'the output is wrong in a way that is not known', distance);
  const singles = FAULT_KINDS.flatMap((kind) => {
    const variants = kind.variants(args, { bias: bias !== undefined, mask: mask !== undefined });
    const best = trial.best(variants);
    return best ? [{ kind, variants, ...best }] : [];
  }).sort((a, b) => ascending(a.residual, b.residual));
  const hypotheses = [
    correct,
    ...localHypotheses(actual, truth, args, places).map((local) =>
      explain(local.name, local.explanation, local.residual),
    ),
    ...singles.map(({ kind, residual }) => explain(kind.name, kind.explanation, residual)),
  ];
  const isExplained = hypotheses.some(({ residual }) => residual <= ROUNDING);
  if (!isExplained) {
    for (const [i, first] of singles.slice(0, PARTNERS).entries()) {
      for (const second of singles.slice(i + 1)) {
        if (Object.keys(first.fault).some((key) => key in second.fault)) continue;
        const best = trial.best(second.variants.map((variant) => ({ ...first.fault, ...variant })));
        if (!best) continue;
        const name = `${first.kind.name} + ${second.kind.name}`;
        hypotheses.push(explain(name, `${first.kind.explanation}, and ${second.kind.explanation}`, best.residual));
      }
    }
  }
  const order = (hypothesis: Hypothesis) => {
    return hypothesis.name === 'unexplained' ? WORTH_SAYING * Math.min(hypothesis.residual, 1) : hypothesis.residual;
  };
  // Array.sort is stable: of equal residuals the earlier, simpler hypothesis stays first.
  return hypotheses.sort((a, b) => ascending(order(a), order(b)));
}

/** Compares what faults would give with the actual output, on a few windows. */
class Trial {
  readonly #windows: readonly number[];
  readonly #scale: number;

  constructor(
    private readonly inputs: FaultyInputs,
    private readonly actual: Float64Array,
    private readonly truth: Float64Array,
    wrongWindows: readonly number[],
  ) {
    const { B } = inputs.args;
    const wrong = new Set(wrongWindows);
    const right = Array.from({ length: B }, (_, b) => b).filter((b) => !wrong.has(b));
    const chosen = [...spread(wrongWindows, WRONG_WINDOWS), ...spread(right, RIGHT_WINDOWS)];
    this.#windows = chosen.length > 0 ? chosen : [0];
    this.#scale = Math.min(this.#size(truth), this.#size(actual) || Number.POSITIVE_INFINITY);
  }

  /** The variant that explains the output best; undefined where none changes the right output. */
  best(variants: readonly Fault[]): { fault: Fault; residual: number } | undefined {
    let best: { fault: Fault; residual: number } | undefined;
    for (const fault of variants) {
      const outputs = this.#windows.map((b) => faultyAttention(this.inputs, b, fault));
      const changes = outputs.some((output, i) => {
        const right = this.#of(this.truth, this.#windows[i] as number);
        return output.some((x, at) => Math.abs(x - (right[at] as number)) > 1e-9 * Math.abs(right[at] as number));
      });
      if (!changes) continue;
      const residual = this.#residualOf(outputs);
      if (!best || residual < best.residual) best = { fault, residual };
    }
    return best;
  }

  residual(fault: Fault): number {
    return this.#residualOf(this.#windows.map((b) => faultyAttention(this.inputs, b, fault)));
  }

  /** Root of the sum of squares over the windows tried; Infinity where one is not finite. */
  #size(x: Float64Array): number {
    const squares = this.#windows.reduce((sum, b) => this.#of(x, b).reduce((own, y) => own + y * y, sum), 0);
    return Number.isNaN(squares) ? Number.POSITIVE_INFINITY : Math.sqrt(squares);
  }

  #residualOf(outputs: readonly Float64Array[]): number {
    let squares = 0;
    for (const [i, output] of outputs.entries()) {
      const actual = this.#of(this.actual, this.#windows[i] as number);
      output.forEach((x, at) => {
        const y = actual[at] as number;
        if (!Object.is(x, y)) squares += (x - y) ** 2;
      });
    }
    const residual = Math.sqrt(squares) / (this.#scale || 1);
    return Number.isNaN(residual) ? Number.POSITIVE_INFINITY : residual;
  }

  #of(x: Float64Array, b: number): Float64Array {
    const size = this.truth.length / this.inputs.args.B;
    return x.subarray(b * size, (b + 1) * size);
  }
}

/** Also where both are infinite. */
function ascending(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `count` of the items, from the first to the last. */
function spread(items: readonly number[], count: number): number[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as number);
}
