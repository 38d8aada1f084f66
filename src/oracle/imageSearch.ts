import { Agreement, type Score } from './agreement.js';
import { FaultyImage } from './faultyImage.js';
import { ascending, type Candidate, isExplanation, ROUNDING } from './hypothesis.js';
import type { ImageOutputName } from './imageCase.js';
import { imageFamilies } from './imageFamilies/index.js';
import { type ImageFault, type ImageProblem, type ImageVariant, joined } from './imageFault.js';
import { errorOf, locateErrors } from './locateErrors.js';
import { range, spread } from './spread.js';

/** Tokens that all hypotheses are tried on. */
const SCREENED = { wrong: 6, right: 1, rows: 3 };
const CONFIRMED = { wrong: 240, right: 60, rows: 12 };
/** Multiplications that trying one fault on the tokens that confirm it may take, and all faults on those that screen them. */
const CONFIRMING = 3e7;
const BUDGET = 2e9;
const FINALISTS = 20;
/** Faults that are combined with every other one, and those of which all pairs are tried. */
const PARTNERS = 8;
const LIKELY = 90;
/** What leaves no more than this share of the error needs no further search. */
const CLEAR = 0.01;
const PAIR = 1e5;
const CONTRADICTED = 1e6;

interface Sample {
  /** Tokens, or rows of a sum. */
  readonly of: readonly number[];
  readonly at: Int32Array;
  readonly isWrong: Uint8Array;
}
interface Tried extends ImageVariant {
  readonly order: number;
  readonly score: Score;
}

/** The search for a fault of a kernel over images that explains one of its outputs. */
export class ImageSearch {
  readonly #faulty: FaultyImage;
  readonly #screen: Sample;
  readonly #confirm: Sample;
  readonly #candidates: (Candidate & { readonly fault: ImageVariant })[] = [];
  readonly #isSum: boolean;
  readonly #width: number;

  constructor(
    private readonly problem: ImageProblem,
    private readonly output: ImageOutputName,
    private readonly actual: Float64Array,
    private readonly truth: Float64Array,
    private readonly distance: number,
  ) {
    this.#faulty = new FaultyImage(problem);
    this.#isSum = output !== 'o' && output !== 'dQkv';
    const { C, L } = problem;
    this.#width = output === 'o' ? C : output === 'dQkv' ? 3 * C : L;
    const most = Math.max(SCREENED.wrong, Math.floor(CONFIRMING / this.#costOf(1)));
    this.#screen = this.#sample(SCREENED);
    this.#confirm = this.#sample({
      wrong: Math.min(most, CONFIRMED.wrong),
      right: Math.min(most, CONFIRMED.right),
      rows: Math.max(1, Math.min(most, CONFIRMED.rows)),
    });
  }

  /** `hints` are faults that explained other outputs. */
  run(hints: readonly ImageVariant[]): (Candidate & { readonly fault: ImageVariant })[] {
    this.#confirmAll(hints.map((hint, order) => ({ ...hint, order })));
    if (this.#isClear) return this.#candidates;
    const singles: Tried[] = [];
    for (const family of imageFamilies({ problem: this.problem, output: this.output })) {
      const tried = family.map((variant, n): Tried => {
        return { ...variant, order: 1000 + singles.length + n, score: this.#score(variant.fault, this.#screen) };
      });
      singles.push(...tried);
      this.#confirmAll(best(tried));
      if (this.#isClear) return this.#candidates;
    }
    if (!this.#isExplained) this.#confirmAll(best(this.#pairs(singles)), PAIR);
    return this.#candidates;
  }

  get #isExplained(): boolean {
    return this.#candidates.some(({ residual }) => isExplanation(residual, this.distance));
  }

  get #isClear(): boolean {
    return this.#candidates.some(
      ({ residual, order }) =>
        order < CONTRADICTED && residual <= CLEAR * this.distance && isExplanation(residual, this.distance),
    );
  }

  #costOf(count: number): number {
    const { L, C, B, nW } = this.problem;
    if (this.output === 'o') return count * 5 * L * C;
    if (this.output === 'dQkv') return count * 6 * L * L * C;
    return B * nW * (3 * count + 4) * L * C * (this.output === 'dLogitScale' ? L : 1);
  }

  #sample(count: typeof SCREENED): Sample {
    const { actual, truth, problem } = this;
    const width = this.#width;
    if (this.#isSum) {
      const { H, L } = problem;
      const isBias = this.output === 'dRelativePositionBias';
      const rows = isBias ? spread(range(L), count.rows) : range(L);
      const at = isBias
        ? range(H).flatMap((h) => rows.flatMap((i) => range(L).map((j) => (h * L + i) * L + j)))
        : range(H);
      return { of: rows, at: Int32Array.from(at), isWrong: new Uint8Array(at.length).fill(1) };
    }
    const tokens = truth.length / width;
    const located = locateErrors(actual, truth, { B: tokens, H: 1, L: 1, D: width });
    const wrong = new Set(located.units);
    const columns = new Set(located.columns);
    // Tokens whose errors are large tell more than those that a fault hardly reaches.
    const errors = new Map(located.units.map((token) => [token, errorOfToken(actual, truth, token, width)]));
    const ranked = [...located.units].sort((a, b) => ascending(errors.get(b) as number, errors.get(a) as number));
    const large = ranked.slice(0, Math.ceil(ranked.length * 0.7)).sort((a, b) => a - b);
    const right = range(tokens).filter((token) => !wrong.has(token));
    const of = [
      ...spread(count.wrong >= large.length ? located.units : large, count.wrong),
      ...spread(right, count.right),
    ];
    const at = new Int32Array(of.length * width);
    const isWrong = new Uint8Array(at.length);
    for (const [n, token] of of.entries()) {
      for (let c = 0; c < width; c++) {
        at[n * width + c] = token * width + c;
        isWrong[n * width + c] = wrong.has(token) && columns.has(c) ? 1 : 0;
      }
    }
    return { of, at, isWrong };
  }

  #score(fault: ImageFault, sample: Sample): Score {
    const { output, actual, truth } = this;
    const explained =
      output === 'o' || output === 'dQkv'
        ? this.#faulty.tokens(fault, output, sample.of)
        : this.#faulty.sum(fault, output === 'dLogitScale' ? output : 'dBias', sample.of);
    const agreement = new Agreement();
    agreement.add(sample, explained, actual, truth);
    return agreement.score();
  }

  #confirmAll(variants: readonly (ImageVariant & { readonly order: number })[], penalty = 0): void {
    for (const variant of variants) {
      const { residual, isContradicted } = this.#score(variant.fault, this.#confirm);
      const order = variant.order + (isContradicted ? CONTRADICTED : 0) + penalty;
      const { name, explanation } = variant;
      this.#candidates.push({ name, explanation, residual, order, fault: variant });
    }
  }

  /** The likeliest faults among each other, and the best together with every other. */
  #pairs(singles: readonly Tried[]): Tried[] {
    const most = Math.floor(BUDGET / (this.#costOf(this.#isSum ? SCREENED.rows : this.#screen.of.length) || 1));
    const byScore = [...singles].sort((a, b) => ascending(a.score.residual, b.score.residual));
    const partners = byScore.slice(0, PARTNERS);
    const likely = firstOf(singles).slice(0, LIKELY);
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
          const fault = seen.has(key) ? undefined : joined(first.fault, second.fault);
          seen.add(key);
          if (!fault || first === second) continue;
          tried.push({
            name: `${first.name} + ${second.name}`,
            explanation: `${first.explanation}, and ${second.explanation}`,
            fault,
            order: first.order + second.order,
            score: this.#score(fault, this.#screen),
          });
        }
      }
    }
    return tried;
  }
}

function best(tried: readonly Tried[]): Tried[] {
  const sorted = [...tried].sort((a, b) => ascending(a.score.residual, b.score.residual) || a.order - b.order);
  return sorted.slice(0, FINALISTS).filter(({ score }, n) => n < 3 || score.residual <= 10 * ROUNDING);
}

/** One of each name and of each kind of place. */
function firstOf(singles: readonly Tried[]): Tried[] {
  const keys = new Set<string>();
  return singles.filter(({ name, fault }) => {
    const key = `${name} ${Object.keys(fault.places ?? {}).join()}`;
    return !keys.has(key) && keys.add(key);
  });
}

function errorOfToken(actual: Float64Array, truth: Float64Array, token: number, width: number): number {
  let squares = 0;
  for (let at = token * width; at < (token + 1) * width; at++) {
    squares += errorOf(actual[at] as number, truth[at] as number) ** 2;
  }
  return squares;
}
