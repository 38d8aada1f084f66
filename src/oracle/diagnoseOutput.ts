import type { Score } from './agreement.js';
import type { WindowOutputName } from './checkCase.js';
import { nameOf } from './families/constants.js';
import { fittedFactors, guesses } from './families/factors.js';
import { fills } from './families/fills.js';
import { closeFaultsFirst, knownFaults } from './families/index.js';
import { leftovers } from './families/leftovers.js';
import { scaledName, scaledOutputs } from './families/scaledOutputs.js';
import type { Stored } from './families/stored.js';
import { storedElsewhere } from './families/stores.js';
import { storedByOneWindow } from './families/unsummed.js';
import type { Fault, Variant } from './faults.js';
import { FaultyAttention } from './faultyAttention.js';
import type { FaultyProblem } from './faultyProblem.js';
import { fitFactor } from './fit.js';
import { ascending, type Candidate, type Hypothesis, isExplanation, ROUNDING, rankHypotheses } from './hypothesis.js';
import { locateErrors } from './locateErrors.js';
import { asItIs } from './outputAsItIs.js';
import { axesOf, Search, SUMMED } from './search.js';

/** Windows and rows that pairs are glanced at, that single hypotheses are tried on, and that the best are confirmed on. */
const GLANCED = { samples: 1, rightSamples: 0, rows: 3 };
const SCREENED = { samples: 1, rightSamples: 0, rows: 6 };
const SCREENED_SUM = { samples: 1, rightSamples: 0, rows: 3 };
const CONFIRMED = { samples: 6, rightSamples: 3, rows: 24 };
const CONFIRMED_SUM = { samples: 3, rightSamples: 1, rows: 6 };

/** Hypotheses that are tried before the best of them are confirmed, and how many these are. */
const BATCH = 500;
const FINALISTS = 16;

/** Pairs that are screened after a glance. */
const GLANCES = 64;

/** Correlation that some single fault has with an output that a pair may explain; by chance it is a third of that. */
const IN_COMMON = 0.1;
const COMPARED = { samples: 48, rightSamples: 0, rows: 4 };

/** Single faults that are combined with every other one, and those of which all pairs are tried. */
const PARTNERS = 10;
const LIKELY = 50;

/** Multiplications that trying all single faults, or all pairs, of one output may take. */
const BUDGET = 1.2e9;
/** The same where the output is right but for what a lower precision may err by. */
const CLOSE_BUDGET = BUDGET / 8;

/** Up to here an output is right in float32, and nothing is to be said of it. */
const FLOAT32 = 3e-5;

/** What leaves no more than this share of the error needs no further search. */
const CLEAR = 0.01;

/** Odds against a chance that an explanation must have, as a natural logarithm. */
const ODDS = Math.log(1e5);

/** Fitted factors nearer to 1 are none. */
const NO_FACTOR = 0.01;

/** Orders of what is less simple than a single fault. */
const PAIR = 1e5;
const FEATURES = 8e4;
const FITTED = 9e5;
const CONTRADICTED = 1e6;

interface Tried extends Variant {
  readonly order: number;
  readonly score: Score;
}

type Proposal = Candidate & { readonly fault?: Variant };

export interface Diagnosis {
  readonly hypotheses: readonly Hypothesis[];
  /** The fault that explains the output, to be tried first on others of the same kernel. */
  readonly fault: Variant | undefined;
}

/** Explains one output by every known fault. `hints` are faults that explained other outputs. */
export function diagnoseOutput(
  problem: FaultyProblem,
  output: WindowOutputName,
  actual: Float64Array,
  truth: Float64Array,
  hints: readonly Variant[],
): Diagnosis {
  const axes = axesOf(problem, output);
  const located = locateErrors(actual, truth, axes);
  const stored: Stored = { output, actual, truth, axes, nW: problem.nW, located };
  const plain = asItIs(stored);
  const filled = fills(stored, problem);
  if (filled.length > 0) return { hypotheses: [...filled, plain], fault: undefined };
  if (plain.residual <= FLOAT32) return { hypotheses: [plain], fault: undefined };
  return new OutputSearch(problem, stored, plain).run(hints);
}

/** The search for what explains an output that is no mere fill value. */
class OutputSearch {
  readonly #proposals: Proposal[] = [];
  readonly #glance: Search;
  readonly #screen: Search;
  readonly #confirm: Search;
  readonly #distance: number;
  /** The output is near to the right one everywhere. */
  readonly #isClose: boolean;
  readonly #elements: number;

  constructor(
    private readonly problem: FaultyProblem,
    private readonly stored: Stored,
    private readonly plain: Hypothesis,
  ) {
    const { output, located } = stored;
    const isSummed = SUMMED.includes(output);
    this.#glance = this.#searchOn(isSummed ? SCREENED_SUM : GLANCED);
    this.#screen = this.#searchOn(isSummed ? SCREENED_SUM : SCREENED);
    this.#confirm = this.#searchOn(isSummed ? CONFIRMED_SUM : CONFIRMED);
    this.#distance = plain.residual;
    this.#isClose = this.#distance <= ROUNDING && located.where === undefined;
    this.#elements = located.units.length * located.rows.length * located.columns.length;
  }

  run(hints: readonly Variant[]): Diagnosis {
    const { stored } = this;
    this.#confirmAll(hints.map((hint, order) => ({ ...hint, order })));
    if (!this.#isExplained() && !this.#isClose) this.#proposeStores();
    const singles = this.#isExplained(FEATURES) ? [] : this.#trySingles();
    if (!this.#isExplained() && !this.#isClose && this.#isEnough) {
      this.#tryFactors();
      if (!this.#isExplained()) this.#tryScaled(singles);
      if (!this.#isExplained() && this.#hasInCommon(singles)) this.#confirmAll(this.#pairs(singles), PAIR);
    }
    if (!this.#isExplained()) {
      const leftover = leftovers(stored);
      if (leftover) this.#proposals.push(leftover);
    }
    const { where } = stored.located;
    const candidates = this.#proposals.map((proposal) => ({ ...proposal, ...(where && { where }) }));
    const hypotheses = rankHypotheses(candidates, this.plain, this.#distance);
    const [first] = hypotheses;
    const proposal = this.#proposals.find(({ name, residual }) => name === first?.name && residual === first.residual);
    return { hypotheses, fault: proposal?.fault };
  }

  #searchOn(options: typeof SCREENED): Search {
    const { problem, stored } = this;
    const { output, actual, truth, located } = stored;
    return new Search(problem, output, actual, truth, located, options);
  }

  /** A few elements agree with something by chance; those of a sum over windows are few by nature. */
  get #isEnough(): boolean {
    return this.#elements >= 3 || this.stored.output === 'dLogitScale';
  }

  /** Whether a residual is an explanation that no chance gives, after so many numbers were fitted. */
  #holds(residual: number, fitted = 0): boolean {
    const gain = Math.log(this.#distance / Math.max(residual, 1e-12));
    return isExplanation(residual, this.#distance) && this.#isEnough && (this.#elements - fitted) * gain >= ODDS;
  }

  /** Whether there is an explanation of a smaller order than `below`. */
  #isExplained(below = Number.POSITIVE_INFINITY): boolean {
    return this.#proposals.some(({ residual, order }) => order < below && isExplanation(residual, this.#distance));
  }

  #propose(proposal: Proposal, fitted = 0): void {
    const { residual } = proposal;
    if (isExplanation(residual, this.#distance) && !this.#holds(residual, fitted)) return;
    this.#proposals.push(proposal);
  }

  /** Right results at wrong places, times a constant, or of single windows. */
  #proposeStores(): void {
    const { problem, stored } = this;
    const { located, output, actual } = stored;
    for (const [order, candidate] of storedElsewhere(stored).entries()) {
      // Features of an output are those of v, and of v they are said.
      this.#propose({ ...candidate, order: order + (/column|feature|chunk/.test(candidate.name) ? FEATURES : 500) });
    }
    for (const candidate of scaledOutputs(stored, problem)) this.#propose(candidate, 1);
    if (output !== 'dBias') return;
    const rows = located.rows.slice(0, 4);
    const single = storedByOneWindow(
      problem,
      new FaultyAttention(problem, rows),
      actual,
      located.units.slice(0, 4),
      rows,
    );
    if (!single) return;
    const explanation = `dBias is not summed over windows: every element is that of the window that stored it last, ${single.text}`;
    this.#propose({ name: 'dbias_not_summed', explanation, residual: single.residual, order: 300 });
  }

  /** All single faults, as far as the budget goes, until one is clear. */
  #trySingles(): Tried[] {
    const { problem, stored } = this;
    const context = { problem, output: stored.output };
    const known = this.#isClose ? closeFaultsFirst(context) : knownFaults(context);
    const most = Math.max(100, Math.floor((this.#isClose ? CLOSE_BUDGET : BUDGET) / this.#screen.cost));
    const tried: Tried[] = [];
    for (let from = 0; from < Math.min(known.length, most); from += BATCH) {
      const batch = known.slice(from, Math.min(from + BATCH, most)).map((variant, n): Tried => {
        return { ...variant, order: 1000 + from + n, score: this.#screen.score(variant) };
      });
      tried.push(...batch);
      this.#confirmAll(this.#best(batch));
      const isClear = this.#proposals.some(({ residual, order }) => {
        return (
          order < FEATURES && this.#holds(residual) && residual <= CLEAR * this.#distance && residual <= ROUNDING / 4
        );
      });
      if (isClear) break;
    }
    return tried;
  }

  /** The best, and all that few rows do not tell from an explanation, as far as the budget goes. */
  #best(tried: readonly Tried[], count = FINALISTS): Tried[] {
    const least = (score: Score) => Math.min(score.residual, 2 * score.scaledResidual);
    const sorted = [...tried].sort((a, b) => ascending(least(a.score), least(b.score)) || a.order - b.order);
    const tied = tried.filter(({ score }) => isExplanation(score.residual, this.#distance)).length;
    const most = Math.floor(BUDGET / this.#confirm.cost);
    return sorted.slice(0, Math.max(count, Math.min(tied, most)));
  }

  #confirmAll(variants: readonly (Variant & { readonly order: number })[], penalty = 0): void {
    for (const variant of variants) {
      const { residual, isContradicted } = this.#confirm.score(variant);
      const order = variant.order + (isContradicted ? CONTRADICTED : 0) + penalty;
      this.#propose({ name: variant.name, explanation: variant.explanation, residual, order, fault: variant });
    }
  }

  /** Faults of the scores by a factor that no list holds. */
  #tryFactors(): void {
    const { problem, stored } = this;
    const context = { problem, output: stored.output };
    if (SUMMED.includes(stored.output)) return;
    for (const [n, fitted] of fittedFactors(context).entries()) {
      const found = fitFactor(fitted, guesses(context), this.#screen);
      if (!found || found.residual > 3 * ROUNDING) continue;
      const factor = nameOf(found.factor, problem) ?? found.factor.toPrecision(4);
      const variant = {
        name: fitted.name,
        explanation: `${fitted.text} by ${factor}`,
        fault: fitted.fault(found.factor),
      };
      this.#propose(
        { ...variant, residual: this.#confirm.score(variant).residual, order: FITTED + n, fault: variant },
        1,
      );
    }
  }

  /** Single faults beside a factor of the output. */
  #tryScaled(singles: readonly Tried[]): void {
    const { problem, stored } = this;
    const byScaled = [...singles].sort((a, b) => ascending(a.score.scaledResidual, b.score.scaledResidual));
    for (const variant of byScaled.filter(({ fault }) => !fault.output).slice(0, FINALISTS)) {
      const { factor, scaledResidual, isContradicted } = this.#confirm.score(variant);
      if (Math.abs(factor - 1) <= NO_FACTOR) continue;
      const constant = nameOf(factor, problem) ?? factor.toPrecision(4);
      this.#propose(
        {
          name: `${variant.name} + ${scaledName(factor, stored.output, problem)}`,
          explanation: `${variant.explanation}, and the output is multiplied by ${constant}`,
          residual: scaledResidual,
          order: variant.order + PAIR + (isContradicted ? CONTRADICTED : 0),
          fault: variant,
        },
        1,
      );
    }
  }

  /** Whether the right output or a single fault's has anything in common with this one, as one half of a pair would. */
  #hasInCommon(singles: readonly Tried[]): boolean {
    const { problem, stored } = this;
    const nearest = [...singles].sort((a, b) => ascending(a.score.scaledResidual, b.score.scaledResidual));
    const rows = stored.output === 'lse' ? problem.L : COMPARED.rows;
    const compared = this.#searchOn({ ...COMPARED, rows });
    const residuals = [{ fault: {} }, ...nearest.slice(0, FINALISTS)]
      .map((variant) => compared.score(variant).scaledResidual)
      .filter(Number.isFinite);
    return residuals.length === 0 || residuals.some((residual) => residual <= Math.sqrt(1 - IN_COMMON ** 2));
  }

  /** The best of the likeliest faults among each other, and of the best singles together with every other. */
  #pairs(singles: readonly Tried[]): Tried[] {
    const glanced = this.#best(this.#glancedPairs(singles), GLANCES);
    if (this.#glance.cost === this.#screen.cost) return glanced.slice(0, FINALISTS);
    return this.#best(glanced.map((pair) => ({ ...pair, score: this.#screen.score(pair) })));
  }

  #glancedPairs(singles: readonly Tried[]): Tried[] {
    const most = Math.floor(BUDGET / this.#glance.cost);
    const partners = firstOf(
      [...singles].sort((a, b) => ascending(a.score.residual, b.score.residual)),
      ({ fault }) => Object.keys(fault).join(),
    ).slice(0, PARTNERS);
    const likely = firstOf(singles, ({ name }) => name).slice(0, LIKELY);
    const tried: Tried[] = [];
    const seen = new Set<string>();
    for (const [firsts, seconds] of [
      [likely, likely],
      [partners, singles],
    ] as const) {
      for (const first of firsts) {
        for (const second of seconds) {
          if (tried.length >= most) return tried;
          const key = [first.order, second.order].sort((a, b) => a - b).join();
          if (seen.has(key) || !isDisjoint(first.fault, second.fault)) continue;
          seen.add(key);
          const variant = {
            name: `${first.name} + ${second.name}`,
            explanation: `${first.explanation}, and ${second.explanation}`,
            fault: { ...first.fault, ...second.fault },
          };
          tried.push({ ...variant, order: first.order + second.order, score: this.#glance.score(variant) });
        }
      }
    }
    return tried;
  }
}

function firstOf(singles: readonly Tried[], keyOf: (tried: Tried) => string): Tried[] {
  const keys = new Set<string>();
  return singles.filter((single) => !keys.has(keyOf(single)) && keys.add(keyOf(single)));
}

function isDisjoint(a: Fault, b: Fault): boolean {
  return !Object.keys(a).some((key) => key in b && key !== 'needsAllRows');
}
