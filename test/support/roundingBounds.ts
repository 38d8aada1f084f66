import { type AttentionArgs, checkAttentionArgs } from '../../src/arguments/attentionArgs.js';
import { checkShiftedWindowArgs, type ShiftedWindowArgs } from '../../src/arguments/shiftedWindowArgs.js';
import { imageOfWindows, mergeHeads, shiftMask, splitHeads, windowsOfImage } from '../../src/reference/imageWindows.js';
import { float64Problem, type Problem, rowNorms } from '../../src/reference/scores.js';
import { float64Tensor, product, type Tensor, type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** Half of float32's last place: one rounding errs by this much of its result at most. */
const U = 2 ** -24;
const EPSILON = 2 ** -53;
/** `test/exp.test.ts` has it. */
const EXP_ERROR = 2e-7;
/** Below it, e^x may be 0, and float32 numbers lose bits. */
const TINY = 2 ** -126;
/** Features that the kernels sum before they join a score; norms are summed in four lanes. */
const CHUNK = 16;
const LANES = 4;

/** `n` roundings one after the other err by this much of their result at most (Higham, "Accuracy and Stability", lemma 3.1). */
const gamma = (n: number) => (n * U) / (1 - n * U);

/** A matrix, and the most that each of its elements may err by in the kernels. */
interface Bounded {
  readonly x: Float64Array;
  readonly e: Float64Array;
}

const exact = (x: Float64Array): Bounded => ({ x, e: new Float64Array(x.length) });
const relative = (x: Float64Array, error: number): Bounded => ({ x, e: x.map((value) => error * Math.abs(value)) });
const zeros = (n: number): Bounded => exact(new Float64Array(n));

function transposed({ x, e }: Bounded, columns: number): Bounded {
  const rows = x.length / columns;
  const turn = (m: Float64Array) =>
    Float64Array.from(m, (_, at) => m[(at % rows) * columns + Math.floor(at / rows)] as number);
  return { x: turn(x), e: turn(e) };
}

/** `A Bᵀ` of rows of `depth`, a result of `roundings` roundings. */
function times(a: Bounded, b: Bounded, depth: number, roundings: number): Bounded {
  const [rows, columns] = [a.x.length / depth, b.x.length / depth];
  const c = zeros(rows * columns);
  const g = gamma(roundings);
  for (let at = 0; at < c.x.length; at++) {
    let [sum, error] = [0, TINY];
    for (let k = 0, i = Math.floor(at / columns) * depth, j = (at % columns) * depth; k < depth; k++, i++, j++) {
      const [x, y] = [a.x[i] as number, b.x[j] as number];
      const [ex, ey] = [a.e[i] as number, b.e[j] as number];
      const inherited = Math.abs(x) * ey + ex * (Math.abs(y) + ey);
      sum += x * y;
      error += inherited + g * (Math.abs(x * y) + inherited);
    }
    c.x[at] = sum;
    c.e[at] = error;
  }
  return c;
}

/** Multiplied by a number of relative error U, and rounded. */
const scaled = ({ x, e }: Bounded, factor: number): Bounded => ({
  x: x.map((value) => factor * value),
  e: e.map((error, at) => Math.abs(factor) * (error * (1 + gamma(2)) + gamma(2) * Math.abs(x[at] as number))),
});

/**
 * The largest errors that the kernels' float32 arithmetic can have, element by element, in the names of `windowAttention`
 * and `windowAttentionBackward`. Every rounding counts as half a unit in the last place, e^x as its documented error, and
 * all have the worst sign; so no input exceeds them, and typical errors are a tenth and less.
 * Half precision and float32 are read exactly; other inputs are not for this.
 */
export function roundingBounds(
  inputs: AttentionArgs & { readonly dO?: TensorLike | undefined },
): Record<string, Tensor<Float64Array>> {
  const { dO, ...args } = inputs;
  const checked = checkAttentionArgs(args);
  const { B, H, L, D } = checked;
  const problem = float64Problem(checked);
  const added = { bias: checked.bias && toFloat64(checked.bias), mask: checked.mask && toFloat64(checked.mask) };
  const gradients = dO && toFloat64(dO);
  const rows = [B, H, L, D];
  const tensor = (dims: readonly number[]) => float64Tensor(dims, new Float64Array(product(dims)));
  const bounds: Record<string, Tensor<Float64Array>> = { o: tensor(rows), lse: tensor([B, H, L]) };
  const dBias = tensor([H, L, L]);
  const dLogitScale = tensor([H]);
  if (gradients) Object.assign(bounds, { dQ: tensor(rows), dK: tensor(rows), dV: tensor(rows), dBias, dLogitScale });
  for (let unit = 0; unit < B * H; unit++) {
    const at = unit * L * D;
    const square = (x: Float64Array | undefined, index: number) => x?.subarray(index * L * L, (index + 1) * L * L);
    const forward = forwardBounds(problem, at, unit % H, {
      bias: square(added.bias, unit % H),
      mask: square(added.mask, Math.floor(unit / H) % checked.nW),
    });
    bounds.o?.data.set(forward.o, at);
    bounds.lse?.data.set(forward.lse, unit * L);
    if (!gradients) continue;
    const own = backwardBounds(problem, forward, gradients.subarray(at, at + L * D));
    for (const name of ['dQ', 'dK', 'dV'] as const) bounds[name]?.data.set(own[name].e, at);
    // A sum of at most B windows in float32, then in float64, then rounded.
    own.dS.x.forEach((ds, ij) => {
      const index = (unit % H) * L * L + ij;
      dBias.data[index] = (dBias.data[index] as number) + (own.dS.e[ij] as number) + gamma(B + 1) * Math.abs(ds);
    });
    dLogitScale.data[unit % H] = (dLogitScale.data[unit % H] as number) + own.dLogitScale;
  }
  return bounds;
}

/** `roundingBounds` of the windows that images are cut into, in the names of `shiftedWindowAttention` and its backward. */
export function imageRoundingBounds(
  inputs: ShiftedWindowArgs & { readonly dO?: TensorLike | undefined },
): Record<string, Tensor<Float64Array>> {
  const { dO, ...args } = inputs;
  const checked = checkShiftedWindowArgs(args);
  const { Himg, Wimg, numHeads, grid, relativePositionBias: bias, scale, logitScale } = checked;
  const windows = windowsOfImage(checked.qkv, grid, checked.paddingQkv && toFloat64(checked.paddingQkv));
  const [q, k, v] = splitHeads(windows, 3, numHeads, grid.L) as [Tensor, Tensor, Tensor];
  const [gradient] = dO ? splitHeads(windowsOfImage(dO as Tensor, grid), 1, numHeads, grid.L) : [];
  const bounds = roundingBounds({ q, k, v, bias, mask: shiftMask(checked), scale, logitScale, dO: gradient });
  const image = (...[first, ...others]: (Tensor<Float64Array> | undefined)[]) => {
    const parts = [first, ...others] as [Tensor<Float64Array>, ...Tensor<Float64Array>[]];
    return imageOfWindows(mergeHeads(parts, grid.windowSize), grid, Himg, Wimg);
  };
  return {
    o: image(bounds.o),
    ...(dO && {
      dQkv: image(bounds.dQ, bounds.dK, bounds.dV),
      dRelativePositionBias: bounds.dBias as Tensor<Float64Array>,
      dLogitScale: bounds.dLogitScale as Tensor<Float64Array>,
    }),
  };
}

/** Roundings of a score's sum. */
const scoreRoundings = (D: number) => Math.min(CHUNK, D) + Math.ceil(D / CHUNK) - 1;
/** Of a norm: squares in four lanes, the lanes, the root of float64, and the norm as float32. */
const normError = (D: number) => gamma(Math.ceil(D / LANES) + 3) / 2 + U;

type Forward = ReturnType<typeof forwardBounds>;

interface Added {
  readonly bias: Float64Array | undefined;
  readonly mask: Float64Array | undefined;
}

function forwardBounds(problem: Problem, at: number, h: number, { bias, mask }: Added) {
  const { L, D, cosine } = problem;
  const window = (x: Float64Array) => x.subarray(at, at + L * D);
  const norms = cosine && { q: rowNorms(problem.q, at, L, D), k: rowNorms(problem.k, at, L, D) };
  const unitRows = (x: Float64Array, lengths: Float64Array) =>
    relative(
      window(x).map((value, i) => value / (lengths[Math.floor(i / D)] as number)),
      normError(D) + gamma(1),
    );
  const q = norms ? unitRows(problem.q, norms.q) : exact(window(problem.q));
  const k = norms ? unitRows(problem.k, norms.k) : exact(window(problem.k));
  const factor = problem.factor(h);
  const logits = times(q, scaled(k, factor), D, scoreRoundings(D));
  const v = exact(window(problem.v));
  const o = new Float64Array(L * D);
  const lse = new Float64Array(L);
  const P = zeros(L * L);
  /** Relative errors of e^(S − max) but for what all of a row have in common. */
  const ofExp = new Float64Array(L * L);
  for (let i = 0; i < L; i++) {
    const row = { from: i * L, to: (i + 1) * L };
    const scores = logits.x
      .subarray(row.from, row.to)
      .map((s, j) => s + ((bias?.[row.from + j] ?? 0) + (mask?.[row.from + j] ?? 0)));
    const max = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    if (max === Number.NEGATIVE_INFINITY) continue;
    const total = scores.reduce((sum, s) => sum + Math.exp(s - max), 0);
    let common = 0;
    scores.forEach((s, j) => {
      const ij = row.from + j;
      if (s === Number.NEGATIVE_INFINITY) return;
      const size = Math.abs(logits.x[ij] as number) + Math.abs(bias?.[ij] ?? 0) + Math.abs(mask?.[ij] ?? 0);
      const ofScore = (logits.e[ij] as number) + gamma(2) * size;
      const exponent = ofScore + U * (max - s + 2 * ofScore);
      const p = Math.exp(s - max) / total;
      ofExp[ij] = Math.expm1(exponent) + EXP_ERROR * Math.exp(exponent);
      P.x[ij] = p;
      common += p * (ofExp[ij] as number);
    });
    common /= 1 - common;
    // Σ in lanes, its inverse, and the product with it.
    const sumError = gamma(Math.ceil(L / LANES) + 4);
    for (let ij = row.from; ij < row.to; ij++) {
      const p = P.x[ij] as number;
      P.e[ij] = p * ((1 + (ofExp[ij] as number)) * (1 + common) * (1 + sumError) - 1) + TINY;
    }
    lse[i] = common + gamma(Math.ceil(L / LANES) + 2) + U * (2 * Math.abs(max) + 2 * Math.log(L)) + EPSILON * 100;
    const mean = weightedMean(P, ofExp, v, D, i, gamma(L) + sumError, common);
    o.set(mean.e, i * D);
  }
  return { q, k, v, factor, norms, logits, P, ofExp, o, lse };
}

/** The mean of rows `v` under row i of P: what all weights have in common cancels, so that errors weigh `v − mean`. */
function weightedMean(
  P: Bounded,
  ofExp: Float64Array,
  v: Bounded,
  D: number,
  i: number,
  roundings: number,
  common: number,
) {
  const L = v.x.length / D;
  const mean = zeros(D);
  for (let d = 0; d < D; d++) {
    let value = 0;
    for (let j = 0; j < L; j++) value += (P.x[i * L + j] as number) * (v.x[j * D + d] as number);
    let error = TINY;
    for (let j = 0; j < L; j++) {
      const [p, x, ex] = [P.x[i * L + j] as number, v.x[j * D + d] as number, v.e[j * D + d] as number];
      const off = (ofExp[i * L + j] as number) * (1 + common) * Math.abs(x - value);
      error += p * (off + (1 + common) * ex) + roundings * (p * (1 + common) * (Math.abs(x) + ex)) + TINY * Math.abs(x);
    }
    mean.x[d] = value;
    mean.e[d] = error + U * Math.abs(value);
  }
  return mean;
}

function backwardBounds(problem: Problem, forward: Forward, gradient: Float64Array) {
  const { L, D } = problem;
  const { q, k, v, factor, norms, logits, P, ofExp } = forward;
  const dO = exact(gradient);
  const dP = times(dO, v, D, scoreRoundings(D));
  const dV = times(transposed(P, L), transposed(dO, D), L, L + 1);
  const dS = zeros(L * L);
  let dLogitScale = 0;
  for (let i = 0; i < L; i++) {
    const of = ({ x, e }: Bounded): Bounded => ({
      x: x.subarray(i * L, (i + 1) * L),
      e: e.subarray(i * L, (i + 1) * L),
    });
    const [p, dp] = [of(P), of(dP)];
    const common = p.x.reduce((sum, value, j) => sum + value * (ofExp[i * L + j] as number), 0);
    // P in one rounding more, a product, and sums in lanes.
    const sums = gamma(2 * Math.ceil(L / LANES) + 9);
    const mean = weightedMean(P, ofExp, dp, 1, i, sums, common / (1 - common));
    const [delta, ofDelta] = [mean.x[0] as number, mean.e[0] as number];
    let [size, spread] = [0, 0];
    for (let j = 0; j < L; j++) {
      const ij = i * L + j;
      const apart = Math.abs((dp.x[j] as number) - delta);
      const ofApart = (dp.e[j] as number) + ofDelta;
      dS.x[ij] = (p.x[j] as number) * ((dp.x[j] as number) - delta);
      const inherited = (p.e[j] as number) * apart + ((p.x[j] as number) + (p.e[j] as number)) * ofApart;
      dS.e[ij] = inherited + gamma(2) * (Math.abs(dS.x[ij] as number) + inherited) + TINY;
      size += (p.x[j] as number) * (Math.abs(dp.x[j] as number) + Math.abs(delta));
      spread = Math.max(spread, Math.abs(logits.x[ij] as number));
    }
    // All of it in float64: sums of D and of L, and scores' errors times the gradients that they weigh.
    dLogitScale += EPSILON * (2 * L + 8 * D + 100) * size * spread * (1 + spread);
  }
  const dQ = scaled(times(dS, transposed(k, D), L, L), factor);
  const dK = scaled(times(transposed(dS, L), transposed(q, D), L, L), factor);
  if (!norms) return { dQ, dK, dV, dS, dLogitScale };
  const truth = dS.x.reduce((sum, ds, ij) => sum + ds * (logits.x[ij] as number), 0);
  return {
    dQ: throughNorms(q, dQ, norms.q, D),
    dK: throughNorms(k, dK, norms.k, D),
    dV,
    dS,
    // The reference sums in float64 as well.
    dLogitScale: 2 * dLogitScale + U * Math.abs(truth),
  };
}

/** `dx = (dx̂ − x̂ (x̂ · dx̂)) / ‖x‖` by rows. */
function throughNorms(unit: Bounded, dX: Bounded, norms: Float64Array, D: number): Bounded {
  const result = zeros(dX.x.length);
  norms.forEach((norm, i) => {
    const range = Array.from({ length: D }, (_, d) => i * D + d);
    const sum = (term: (at: number) => number) => range.reduce((total, at) => total + term(at), 0);
    const [ux, ue] = [(at: number) => Math.abs(unit.x[at] as number), (at: number) => unit.e[at] as number];
    const [gx, ge] = [(at: number) => Math.abs(dX.x[at] as number), (at: number) => dX.e[at] as number];
    const along = sum((at) => (unit.x[at] as number) * (dX.x[at] as number));
    const ofAlong = sum((at) => ux(at) * ge(at) + ue(at) * (gx(at) + ge(at))) + U * Math.abs(along);
    for (const at of range) {
      const value = (dX.x[at] as number) - (unit.x[at] as number) * along;
      const part = ux(at) * ofAlong + ue(at) * (Math.abs(along) + ofAlong);
      const error = ge(at) + part + U * (ux(at) * Math.abs(along) + part);
      result.x[at] = value / norm;
      result.e[at] = (error + (Math.abs(value) + error) * (gamma(2) + 2 * normError(D))) / norm + TINY;
    }
  });
  return result;
}
