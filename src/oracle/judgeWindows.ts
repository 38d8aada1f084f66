import type { AttentionShape } from '../arguments/attentionArgs.js';
import { toFloat64 } from '../tensor/tensor.js';
import { ExactUnit } from './exactUnit.js';
import { ExpectedRounding } from './expectedRounding.js';
import { roundInPlace } from './floatFormats.js';
import { type Precision, ROUNDINGS, type Rounding } from './precision.js';
import type { Products } from './products.js';
import { ORDERS, RoundedUnit } from './roundedUnit.js';
import { type Storage, Tallier } from './tallier.js';
import { joinTallies, makeTally, type Tally } from './tally.js';
import type { FloatTensor } from './tensorSource.js';

/** `|actual − truth| ≤ atol + rtol · |truth|`, instead of the rule. */
export interface Allowed {
  readonly atol: number;
  readonly rtol: number;
}

/** Outputs that have a window axis. */
export const WINDOW_TENSORS = ['o', 'lse', 'dQ', 'dK', 'dV'] as const;
export type WindowTensor = (typeof WINDOW_TENSORS)[number];

/** Checked arguments of `windowAttention`, and dO for gradients; `scale` is 1 under cosine attention. */
export interface StretchArgs extends AttentionShape {
  readonly nW: number;
  readonly q: FloatTensor;
  readonly k: FloatTensor;
  readonly v: FloatTensor;
  readonly bias: FloatTensor | undefined;
  readonly mask: FloatTensor | undefined;
  readonly logitScale: FloatTensor | undefined;
  readonly dO?: FloatTensor | undefined;
  readonly scale: number;
}

/** Some windows of a case, beside what a kernel returned for them. */
export interface Stretch {
  /** q, k, v and dO of these windows alone; bias, mask and logitScale of all. */
  readonly args: StretchArgs;
  /** Index of the first of these windows, and how many the case has. */
  readonly first: number;
  readonly total: number;
  readonly dtype: Precision;
  readonly allowed?: Allowed | undefined;
  readonly products?: Products | undefined;
  readonly actuals: { readonly [name in WindowTensor]?: FloatTensor };
  /** Tokens of image windows, one list a window of an image; below 0 for padding. */
  readonly tokens?: readonly Int32Array[] | undefined;
}

/** Gradients that are summed over windows: of the truth, of the naive kernels, and the variance of their rounding. */
export interface Sums {
  readonly truth: Float64Array;
  readonly naive: Float32Array;
  readonly otherNaive: Float32Array;
  readonly noise: Float64Array;
}

/** What is known of a stretch, or of several that have been joined. */
export interface Judged {
  readonly tallies: { readonly [name in WindowTensor]?: Tally };
  readonly dBias?: Sums;
  readonly dLogitScale?: Sums;
}

/** Judges a stretch of windows: the truth, two naive kernels and the expected rounding, head by head. */
export function judgeWindows(stretch: Stretch): Judged {
  const { args, first, total, dtype, actuals, tokens, products } = stretch;
  const { B, H, L, D, nW, dO } = args;
  const rounding = ROUNDINGS[dtype];
  const exactInputs = widened(args);
  const loaded = rounded(exactInputs, rounding);
  const isExact = (['k', 'v', 'dO'] as const).every((name) => isSame(exactInputs[name], loaded[name]));
  const exact = new ExactUnit(L, D, products);
  const [naive, otherNaive] = ORDERS.map((order) => new RoundedUnit(L, D, rounding, order, products)) as [
    RoundedUnit,
    RoundedUnit,
  ];
  const expected = new ExpectedRounding(L, D, total, rounding, isExact, products);
  const names = WINDOW_TENSORS.filter((name) => actuals[name]);
  const parts = names.map((name) => ({
    name,
    tally: makeTally(sizesOf(name, B, args)),
    tallier: new Tallier(
      L,
      name === 'lse' ? 1 : D,
      storageOf(name, actuals[name] as FloatTensor, rounding, stretch.allowed),
    ),
    actual: toFloat64(actuals[name] as FloatTensor),
    size: name === 'lse' ? L : L * D,
  }));
  const dBias = dO && args.bias && makeSums(H * L * L);
  const dLogitScale = dO && args.logitScale && makeSums(H);
  for (let b = 0; b < B; b++) {
    const window = first + b;
    const maskAt = nW > 0 ? (window % nW) * L * L : 0;
    for (let h = 0; h < H; h++) {
      const place = { at: (b * H + h) * L * D, length: L * D, h, maskAt, square: L * L };
      const unit = unitOf(exactInputs, place, args.scale);
      exact.run(unit);
      const loadedUnit = unitOf(loaded, place, args.scale);
      naive.run(loadedUnit);
      otherNaive.run(loadedUnit);
      expected.run(unit, exact);
      for (const { name, tally, tallier, actual, size } of parts) {
        tallier.add(tally, {
          actual: actual.subarray((b * H + h) * size, (b * H + h + 1) * size),
          truth: exact[name],
          naive: naive[name],
          otherNaive: otherNaive[name],
          noise: expected[name],
          at: (window * H + h) * size,
          window: b,
          head: h,
          unit: b * H + h,
          tokens: tokens?.[window % tokens.length],
        });
      }
      if (dBias) addBias(dBias, h * L * L, exact.dS, naive.dS, otherNaive.dS, expected.dBias);
      if (dLogitScale) {
        addBias(
          dLogitScale,
          h,
          [exact.dLogitScale],
          [naive.dLogitScale],
          [otherNaive.dLogitScale],
          [expected.dLogitScale],
        );
      }
    }
  }
  return {
    tallies: Object.fromEntries(parts.map(({ name, tally }) => [name, tally])),
    ...(dBias && { dBias }),
    ...(dLogitScale && { dLogitScale }),
  };
}

function sizesOf(name: WindowTensor, windows: number, { H, L, D }: AttentionShape) {
  return { window: windows, head: H, 'window and head': windows * H, row: L, ...(name !== 'lse' && { column: D }) };
}

/** Significant bits and exponents of the actual tensor's type, and the distance of numbers as kernels of the precision store them. */
export function storageOf(name: string, { type }: FloatTensor, { epsilon }: Rounding, allowed?: Allowed): Storage {
  const formats = { float16: [11, -14], bfloat16: [8, -126], float32: [24, -126], float64: [53, -1022] } as const;
  const [precision, minExponent] = formats[type];
  return { precision, minExponent, epsilon: name === 'lse' ? 2 ** -23 : epsilon, allowed };
}

interface Widened<T extends Float32Array | Float64Array> {
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly dO: T | undefined;
  readonly bias: T | undefined;
  readonly mask: T | undefined;
  readonly logitScale: T | undefined;
}

function widened({ q, k, v, dO, bias, mask, logitScale }: Stretch['args']): Widened<Float64Array> {
  return {
    q: toFloat64(q),
    k: toFloat64(k),
    v: toFloat64(v),
    dO: dO && toFloat64(dO),
    bias: bias && toFloat64(bias),
    mask: mask && toFloat64(mask),
    logitScale: logitScale && toFloat64(logitScale),
  };
}

/** The inputs as a kernel of some precision loads them. */
function rounded(inputs: Widened<Float64Array>, { storedFormat }: Rounding): Widened<Float32Array> {
  const load = (x: Float64Array) => {
    const loaded = new Float32Array(x.length);
    for (let i = 0; i < x.length; i++) loaded[i] = x[i] as number;
    if (storedFormat) roundInPlace(storedFormat, loaded);
    return loaded;
  };
  const { dO, bias, mask, logitScale } = inputs;
  return {
    q: load(inputs.q),
    k: load(inputs.k),
    v: load(inputs.v),
    dO: dO && load(dO),
    bias: bias && load(bias),
    mask: mask && load(mask),
    logitScale: logitScale && load(logitScale),
  };
}

function isSame(x: Float64Array | undefined, y: Float32Array | undefined): boolean {
  if (x === undefined || y === undefined) return true;
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

interface Place {
  readonly at: number;
  readonly length: number;
  readonly h: number;
  readonly maskAt: number;
  readonly square: number;
}

function unitOf<T extends Float32Array | Float64Array>(inputs: Widened<T>, place: Place, scale: number) {
  const { at, length, h, maskAt, square } = place;
  const cut = (x: T, start: number, size: number) => x.subarray(start, start + size) as T;
  return {
    q: cut(inputs.q, at, length),
    k: cut(inputs.k, at, length),
    v: cut(inputs.v, at, length),
    dO: inputs.dO && cut(inputs.dO, at, length),
    bias: inputs.bias && cut(inputs.bias, h * square, square),
    mask: inputs.mask && cut(inputs.mask, maskAt, square),
    logitScale: inputs.logitScale?.[h],
    scale,
  };
}

function makeSums(size: number): Sums {
  return {
    truth: new Float64Array(size),
    naive: new Float32Array(size),
    otherNaive: new Float32Array(size),
    noise: new Float64Array(size),
  };
}

function addBias(
  { truth, naive, otherNaive, noise }: Sums,
  at: number,
  exact: ArrayLike<number>,
  own: ArrayLike<number>,
  other: ArrayLike<number>,
  variance: ArrayLike<number>,
): void {
  for (let i = 0; i < exact.length; i++) {
    truth[at + i] = (truth[at + i] as number) + (exact[i] as number);
    naive[at + i] = (naive[at + i] as number) + (own[i] as number);
    otherNaive[at + i] = (otherNaive[at + i] as number) + (other[i] as number);
    noise[at + i] = (noise[at + i] as number) + (variance[i] as number);
  }
}

/** What is known before any window has been judged. */
export function judgedNothing(
  shape: AttentionShape,
  names: readonly WindowTensor[],
  summed: { readonly dBias: boolean; readonly dLogitScale: boolean },
): Judged {
  const { B, H, L } = shape;
  return {
    tallies: Object.fromEntries(names.map((name) => [name, makeTally(sizesOf(name, B, shape))])),
    ...(summed.dBias && { dBias: makeSums(H * L * L) }),
    ...(summed.dLogitScale && { dLogitScale: makeSums(H) }),
  };
}

/** Adds what is known of the windows from `first` on. */
export function joinJudged(into: Judged, from: Judged, first: number): void {
  for (const [name, tally] of Object.entries(into.tallies)) {
    joinTallies(tally, from.tallies[name as WindowTensor] as Tally, first);
  }
  for (const name of ['dBias', 'dLogitScale'] as const) {
    const [sums, other] = [into[name], from[name]];
    if (sums && other) addBias(sums, 0, other.truth, other.naive, other.otherNaive, other.noise);
  }
}
