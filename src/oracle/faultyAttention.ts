import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { clampLogitScale, NORM_FLOOR } from '../reference/scores.js';
import { toFloat64 } from '../tensor/tensor.js';
import type { Fault } from './faults.js';

/** Inputs in float64, read once for all hypotheses; q and k are unit rows under cosine attention. */
export interface FaultyInputs {
  readonly args: CheckedAttentionArgs;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  /** What a kernel that swaps them uses as keys and as values. */
  readonly swappedKeys: Float64Array;
  readonly swappedValues: Float64Array;
  readonly bias: Float64Array | undefined;
  readonly mask: Float64Array | undefined;
  /** The factor of every head's products. */
  readonly scales: readonly number[];
}

export function faultyInputs(args: CheckedAttentionArgs): FaultyInputs {
  const { H, D, logitScale } = args;
  const rows = (x: Float64Array) => (logitScale ? unitRows(x, D) : x);
  const scales = logitScale && Array.from(toFloat64(logitScale), (value) => Math.exp(clampLogitScale(value)));
  return {
    args,
    q: rows(toFloat64(args.q)),
    k: rows(toFloat64(args.k)),
    v: toFloat64(args.v),
    swappedKeys: rows(toFloat64(args.v)),
    swappedValues: toFloat64(args.k),
    bias: args.bias && toFloat64(args.bias),
    mask: args.mask && toFloat64(args.mask),
    scales: scales ?? new Array(H).fill(args.scale),
  };
}

/** `[H, L, D]`: the output of one window as a kernel with that fault computes it, in float64. */
export function faultyAttention(inputs: FaultyInputs, b: number, fault: Fault): Float64Array {
  const { H, L, D } = inputs.args;
  const out = new Float64Array(H * L * D);
  for (let h = 0; h < H; h++) attendHead(inputs, b, h, fault, out.subarray(h * L * D, (h + 1) * L * D));
  return fault.isNotPermuted ? interleaveHeads(out, H, L, D) : out;
}

function attendHead(inputs: FaultyInputs, b: number, h: number, fault: Fault, out: Float64Array): void {
  const { H, L, D } = inputs.args;
  const at = (b * H + h) * L * D;
  const keys = fault.keys ?? L;
  const S = scoresOf(inputs, b, h, fault, keys);
  const values = (fault.isKeyValueSwapped ? inputs.swappedValues : inputs.v).subarray(at, at + L * D);
  const { weights, sums } = exponentials(S, L, keys, fault);
  const { round, isBeforeDivision } = fault.rounding ?? { round: undefined, isBeforeDivision: false };
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < keys; j++) {
      const sum = (fault.isSoftmaxOverQueries ? sums[j] : sums[i]) as number;
      const e = weights[i * keys + j] as number;
      const divisor = fault.isUnnormalised ? 1 : sum;
      let p = divisor === 0 ? 0 : e / divisor;
      if (round) p = isBeforeDivision ? round(e) / divisor : round(p);
      if (p === 0) continue;
      for (let d = 0; d < D; d++) out[i * D + d] = (out[i * D + d] as number) + p * (values[j * D + d] as number);
    }
  }
}

/** `[L, keys]`. */
function scoresOf(inputs: FaultyInputs, b: number, h: number, fault: Fault, keys: number): Float64Array {
  const { B, H, L, D, nW } = inputs.args;
  const { bias, mask } = inputs;
  const at = (b * H + h) * L * D;
  const Q = inputs.q.subarray(at, at + L * D);
  const K = (fault.isKeyValueSwapped ? inputs.swappedKeys : inputs.k).subarray(at, at + L * D);
  const right = inputs.scales[h] as number;
  const scale = fault.scaleOf ? fault.scaleOf(right) : right;
  const biasFactor = fault.biasFactor ? fault.biasFactor(right) : 1;
  const maskWindow = mask && (fault.maskOf ? fault.maskOf(b, nW, B) : b % nW);
  const features = fault.features ?? D;
  const shape = inputs.args;
  const S = new Float64Array(L * keys);
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < keys; j++) {
      let s = 0;
      for (let d = 0; d < features; d++) s += (Q[i * D + d] as number) * (K[j * D + d] as number);
      s *= scale;
      if (bias) {
        const place = fault.biasAt ? fault.biasAt(h, i, j, shape) : (h * L + i) * L + j;
        if (place !== undefined) s += biasFactor * (bias[place] as number);
      }
      if (mask && maskWindow !== undefined) s += mask[(maskWindow * L + i) * L + j] as number;
      if (fault.isCausal && j > i) s = Number.NEGATIVE_INFINITY;
      S[i * keys + j] = s;
    }
  }
  return S;
}

/** e^(S − max) and its sums, by rows, or by columns for a softmax over queries. */
function exponentials(S: Float64Array, L: number, keys: number, fault: Fault) {
  const isByColumns = fault.isSoftmaxOverQueries === true;
  const lines = isByColumns ? keys : L;
  const padded = fault.paddedKeys ?? 0;
  const maxima = new Float64Array(lines).fill(padded > 0 ? 0 : Number.NEGATIVE_INFINITY);
  const lineOf = (at: number) => (isByColumns ? at % keys : Math.floor(at / keys));
  S.forEach((s, at) => {
    const line = lineOf(at);
    if (!(s <= (maxima[line] as number))) maxima[line] = s;
  });
  const sums = new Float64Array(lines);
  const weights = S.map((s, at) => {
    const line = lineOf(at);
    const max = maxima[line] as number;
    const e = max === Number.NEGATIVE_INFINITY ? 0 : Math.exp(s - (fault.isUnnormalised === 'plain' ? 0 : max));
    sums[line] = (sums[line] as number) + e;
    return e;
  });
  if (padded > 0) {
    maxima.forEach((max, line) => {
      sums[line] = (sums[line] as number) + padded * Math.exp(-max);
    });
  }
  return { weights, sums };
}

function unitRows(x: Float64Array, D: number): Float64Array {
  const unit = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += D) {
    let sum = 0;
    for (let d = row; d < row + D; d++) sum += (x[d] as number) ** 2;
    const norm = Math.max(Math.sqrt(sum), NORM_FLOOR);
    for (let d = row; d < row + D; d++) unit[d] = (x[d] as number) / norm;
  }
  return unit;
}

/** `[H, L, D]` → `[L, H, D]`. */
function interleaveHeads(x: Float64Array, H: number, L: number, D: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let h = 0; h < H; h++) {
    for (let i = 0; i < L; i++) {
      out.set(x.subarray((h * L + i) * D, (h * L + i + 1) * D), (i * H + h) * D);
    }
  }
  return out;
}
