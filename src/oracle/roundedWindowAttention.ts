import type { AttentionBackwardArgs, CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { transpose } from '../reference/chunks.js';
import { clampLogitScale, MAX_LOGIT_SCALE, NORM_FLOOR } from '../reference/scores.js';
import { toFloat64 } from '../tensor/tensor.js';
import type { Rounding } from './precision.js';

/** What a naive kernel returns, by the contract's tensor names. */
export type RoundedOutputs = Record<string, Float64Array>;

/**
 * Window attention as a naive kernel of some precision computes it: every operation rounded, sums in order of the
 * index, probabilities normalised before P V. The yardstick of FlashAttention's test rule, not the truth.
 * q, k, v, dO: `[B, H, L, D]`. Returns `o`, `lse`, and with dO `dQ`, `dK`, `dV`, `dBias`, `dLogitScale`.
 * Source: Dao-AILab/flash-attention, `attention_ref` in its tests.
 */
export function roundedWindowAttention(
  args: CheckedAttentionArgs & { readonly dO?: AttentionBackwardArgs['dO'] },
  rounding: Rounding,
): RoundedOutputs {
  const { B, H, L, D, nW } = args;
  const { input, arithmetic: r, operand, output } = rounding;
  const load = (x: Parameters<typeof toFloat64>[0]) => toFloat64(x).map(input);
  const q = load(args.q);
  const k = load(args.k);
  const v = load(args.v);
  const bias = args.bias && load(args.bias);
  const mask = args.mask && load(args.mask);
  const dO = args.dO && load(args.dO);
  const logitScale = args.logitScale && load(args.logitScale);
  const size = B * H * L * D;
  const o = new Float64Array(size);
  const lse = new Float64Array(B * H * L);
  const dQ = new Float64Array(dO ? size : 0);
  const dK = new Float64Array(dO ? size : 0);
  const dV = new Float64Array(dO ? size : 0);
  const dBias = new Float64Array(dO && bias ? H * L * L : 0);
  const dLogitScale = new Float64Array(dO && logitScale ? H : 0);
  const S = new Float64Array(L * L);
  const P = new Float64Array(L * L);
  const dS = new Float64Array(L * L);

  for (let window = 0; window < B * H; window++) {
    const h = window % H;
    const b = Math.floor(window / H);
    const at = window * L * D;
    const end = at + L * D;
    const qNorms = logitScale && norms(q.subarray(at, end), L, D, r);
    const kNorms = logitScale && norms(k.subarray(at, end), L, D, r);
    const Q = (qNorms ? divideRows(q.subarray(at, end), qNorms, D, r) : q.subarray(at, end)).map(operand);
    const K = (kNorms ? divideRows(k.subarray(at, end), kNorms, D, r) : k.subarray(at, end)).map(operand);
    const V = v.subarray(at, end).map(operand);
    const factor = logitScale ? r(Math.exp(clampLogitScale(logitScale[h] as number))) : r(args.scale);
    for (let ij = 0; ij < L * L; ij++) {
      let s = r(factor * dot(Q, Math.floor(ij / L) * D, K, (ij % L) * D, D, r));
      if (bias) s = r(s + (bias[h * L * L + ij] as number));
      if (mask) s = r(s + (mask[(b % nW) * L * L + ij] as number));
      S[ij] = s;
    }
    softmax(S, P, L, lse.subarray(window * L, (window + 1) * L), r);
    const rounded = P.map(operand);
    product(rounded, V, L, D, r, o.subarray(at, end));
    if (!dO) continue;

    const G = dO.subarray(at, end).map(operand);
    product(transpose(rounded, L), G, L, D, r, dV.subarray(at, end));
    softmaxBackward(P, G, V, dS, L, D, r);
    if (dBias.length > 0) addTo(dBias.subarray(h * L * L, (h + 1) * L * L), dS, r);
    const scaled = dS.map((ds) => operand(r(factor * ds)));
    const dQHat = dQ.subarray(at, end);
    const dKHat = dK.subarray(at, end);
    product(scaled, K, L, D, r, dQHat);
    product(transpose(scaled, L), Q, L, D, r, dKHat);
    if (!logitScale || !qNorms || !kNorms) continue;
    if ((logitScale[h] as number) <= MAX_LOGIT_SCALE) {
      dLogitScale[h] = r((dLogitScale[h] as number) + dot(Q, 0, dQHat, 0, L * D, r));
    }
    normalizeBackward(Q, qNorms, dQHat, D, r);
    normalizeBackward(K, kNorms, dKHat, D, r);
  }
  const outputs: RoundedOutputs = { o, lse };
  if (dO) Object.assign(outputs, { dQ, dK, dV });
  if (dBias.length > 0) outputs.dBias = dBias;
  if (dLogitScale.length > 0) outputs.dLogitScale = dLogitScale;
  for (const name in outputs) outputs[name] = (outputs[name] as Float64Array).map(name === 'lse' ? r : output);
  return outputs;
}

type Round = (value: number) => number;

function dot(a: Float64Array, i: number, b: Float64Array, j: number, length: number, r: Round): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum = r(sum + r((a[i + d] as number) * (b[j + d] as number)));
  return sum;
}

function norms(x: Float64Array, L: number, D: number, r: Round): Float64Array {
  return Float64Array.from({ length: L }, (_, i) => Math.max(r(Math.sqrt(dot(x, i * D, x, i * D, D, r))), NORM_FLOOR));
}

function divideRows(x: Float64Array, by: Float64Array, D: number, r: Round): Float64Array {
  return x.map((value, i) => r(value / (by[Math.floor(i / D)] as number)));
}

function softmax(S: Float64Array, P: Float64Array, L: number, lse: Float64Array, r: Round): void {
  for (let i = 0; i < L; i++) {
    let max = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < L; j++) max = Math.max(max, S[i * L + j] as number);
    let sum = 0;
    for (let j = 0; j < L; j++) {
      const e = max === Number.NEGATIVE_INFINITY ? 0 : r(Math.exp(r((S[i * L + j] as number) - max)));
      P[i * L + j] = e;
      sum = r(sum + e);
    }
    for (let j = 0; j < L; j++) P[i * L + j] = sum === 0 ? 0 : r((P[i * L + j] as number) / sum);
    lse[i] = sum === 0 ? Number.NEGATIVE_INFINITY : r(max + r(Math.log(sum)));
  }
}

/** `out = M X`. M: (L, L), X and out: (L, D). */
function product(M: Float64Array, X: Float64Array, L: number, D: number, r: Round, out: Float64Array): void {
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      const m = M[i * L + j] as number;
      for (let d = 0; d < D; d++) out[i * D + d] = r((out[i * D + d] as number) + r(m * (X[j * D + d] as number)));
    }
  }
}

/** `dS = P ∘ (dP − rowsum(P ∘ dP))`, `dP = dO Vᵀ`. */
function softmaxBackward(
  P: Float64Array,
  dO: Float64Array,
  V: Float64Array,
  dS: Float64Array,
  L: number,
  D: number,
  r: Round,
): void {
  for (let i = 0; i < L; i++) {
    let rowSum = 0;
    for (let j = 0; j < L; j++) {
      const dP = dot(dO, i * D, V, j * D, D, r);
      dS[i * L + j] = dP;
      rowSum = r(rowSum + r((P[i * L + j] as number) * dP));
    }
    for (let j = 0; j < L; j++) {
      dS[i * L + j] = r((P[i * L + j] as number) * r((dS[i * L + j] as number) - rowSum));
    }
  }
}

function addTo(sums: Float64Array, values: Float64Array, r: Round): void {
  for (let i = 0; i < values.length; i++) sums[i] = r((sums[i] as number) + (values[i] as number));
}

/** Replaces the gradient of the unit rows `xHat` (L, D) by that of the rows themselves. */
function normalizeBackward(xHat: Float64Array, rowNorms: Float64Array, dX: Float64Array, D: number, r: Round): void {
  rowNorms.forEach((norm, i) => {
    const along = norm > NORM_FLOOR ? dot(xHat, i * D, dX, i * D, D, r) : 0;
    for (let d = i * D; d < (i + 1) * D; d++) {
      dX[d] = r(r((dX[d] as number) - r((xHat[d] as number) * along)) / norm);
    }
  });
}
