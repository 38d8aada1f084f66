import { SLACK, WindowAttentionBackwardRecord } from '../build/assembly/records';
import { outerPanel, scorePanel, valuePanel } from '../build/assembly/tiles';
import { rowsOfPanel, storePartial } from './lanes';
import { logitScaleGradient, logitScaleGradientScratch } from './logitScaleGradient';
import { packKeys, packTailKeys } from './packKeys';
import { packValues } from './packValues';
import { normalizeRowsBackward, unitRows } from './rowNorms';
import { scoreTailKeys } from './scoreTailKeys';
import { softmaxBackwardRows } from './softmaxBackwardRows';
import { softmaxRows } from './softmaxRows';
import { PANEL_ROWS, TAIL_KEYS } from './windowAttention';

/** Bytes of scratch that `windowAttentionBackward` needs; f64 cannot overflow. */
export function windowAttentionBackwardScratch(L: i32, D: i32): f64 {
  const length = <f64>L + 7;
  const features = <f64>D + 7;
  const rows = 2 * <f64>PANEL_ROWS + 4; // P and dS of one panel; 1/Σ, scale, norms of q and of k
  const matrices: f64 = 7; // K and V as keys, K as values, dK, dV; unit q and k
  return (
    4 * (rows * length + matrices * length * features + 2 * <f64>TAIL_KEYS * features) +
    16 * <f64>SLACK +
    logitScaleGradientScratch(L)
  );
}

/**
 * Flash Window Attention, backward, of the record's pairs of window and head. P is recomputed panel by panel of 4
 * queries; P and dS of one panel are all that exists of either. Source: arXiv 2501.06480, backward pass.
 */
export function windowAttentionBackward(args: WindowAttentionBackwardRecord, scratch: usize): void {
  const windowHeads = args.windowHeads;
  const first = args.first;
  const H = args.H;
  const L = args.L;
  const D = args.D;
  const nW = args.nW;
  const bias = args.bias;
  const mask = args.mask;
  const dBias = args.dBias;
  const dLogitScale = args.dLogitScale;
  const scale = args.scale;
  const logitFactors = args.logitFactors;
  let q = args.q;
  let k = args.k;
  let v = args.v;
  let dO = args.dO;
  let dQ = args.dQ;
  let dK = args.dK;
  let dV = args.dV;
  const rowBytes = (<usize>D) << 2;
  const windowBytes = <usize>L * rowBytes;
  const scoreBytes = (<usize>L * <usize>L) << 2;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  const packedBytes = (<usize>((L + 7) & ~7) * <usize>((D + 7) & ~7)) << 2;
  const p = scratch;
  const ds = p + <usize>PANEL_ROWS * sStride;
  const inverse = ds + <usize>PANEL_ROWS * sStride;
  const factors = inverse + SLACK;
  const qNorms = factors + SLACK;
  const kNorms = qNorms + sStride;
  const wide = kNorms + sStride + SLACK;
  const keys = wide + <usize>logitScaleGradientScratch(L) + SLACK;
  const tailKeys = keys + packedBytes + SLACK;
  const valueKeys = tailKeys + <usize>TAIL_KEYS * rowBytes + SLACK;
  const tailValueKeys = valueKeys + packedBytes + SLACK;
  const keyValues = tailValueKeys + <usize>TAIL_KEYS * rowBytes + SLACK;
  const packedDK = keyValues + packedBytes + SLACK;
  const packedDV = packedDK + packedBytes + SLACK;
  const unitQ = packedDV + packedBytes + SLACK;
  const unitK = unitQ + packedBytes + SLACK;

  for (let i = 0; i < windowHeads; i++) {
    const h = (first + i) % H;
    const b = (first + i) / H;
    const biasOfHead = bias ? bias + <usize>h * scoreBytes : 0;
    const maskOfWindow = mask ? mask + <usize>(b % nW) * scoreBytes : 0;
    const dBiasOfHead = dBias ? dBias + <usize>h * <usize>L * sStride : 0;
    let queries = q;
    let keyRows = k;
    let factor = scale;
    if (logitFactors) {
      factor = <f32>load<f64>(logitFactors + (h << 3));
      unitRows(q, L, D, 1, qNorms, unitQ);
      unitRows(k, L, D, 1, kNorms, unitK);
      queries = unitQ;
      keyRows = unitK;
    }
    packKeys(keyRows, L, D, factor, keys);
    packTailKeys(keyRows, L, D, factor, tailKeys);
    packKeys(v, L, D, 1, valueKeys);
    packTailKeys(v, L, D, 1, tailValueKeys);
    packValues(keyRows, L, D, keyValues);
    memory.fill(packedDK, 0, packedBytes);
    memory.fill(packedDV, 0, packedBytes);
    v128.store(factors, f32x4.splat(factor));
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const rowAt = <usize>row * rowBytes;
      const offset = (<usize>row * <usize>L) << 2;
      const a = queries + rowAt;
      const gradient = dO + rowAt;
      const biasRows = bias ? biasOfHead + offset : 0;
      const maskRows = mask ? maskOfWindow + offset : 0;
      scorePanel(rows, a, rowBytes, keys, D, L, biasRows, maskRows, p, sStride);
      scoreTailKeys(rows, a, rowBytes, tailKeys, D, L, biasRows, maskRows, p, sStride);
      softmaxRows(p, sStride, rows, L, 0, inverse, 0);
      // dP = dO Vᵀ
      scorePanel(rows, gradient, rowBytes, valueKeys, D, L, 0, 0, ds, sStride);
      scoreTailKeys(rows, gradient, rowBytes, tailValueKeys, D, L, 0, 0, ds, sStride);
      softmaxBackwardRows(p, ds, sStride, rows, L, inverse, dBias ? dBiasOfHead + <usize>row * sStride : 0);
      // dQ = scale · dS K, dV += Pᵀ dO, dK += dSᵀ Q
      valuePanel(rows, ds, sStride, keyValues, L, D, factors, dQ + rowAt, rowBytes);
      outerPanel(rows, p, sStride, gradient, rowBytes, L, D, packedDV);
      outerPanel(rows, ds, sStride, a, rowBytes, L, D, packedDK);
    }
    unpackPanels(packedDV, L, D, 1, dV);
    unpackPanels(packedDK, L, D, factor, dK);
    if (logitFactors) {
      normalizeRowsBackward(unitQ, qNorms, L, D, dQ);
      const exact = load<f64>(logitFactors + (h << 3));
      const sum = logitScaleGradient(q, k, v, dO, biasOfHead, maskOfWindow, L, D, exact, wide);
      store<f64>(dLogitScale + (h << 3), load<f64>(dLogitScale + (h << 3)) + sum);
      normalizeRowsBackward(unitK, kNorms, L, D, dK);
    }
    q += windowBytes;
    k += windowBytes;
    v += windowBytes;
    dO += windowBytes;
    dQ += windowBytes;
    dK += windowBytes;
    dV += windowBytes;
  }
}

/** Panels `[panel][L][8]` times `factor` → rows (L, D). */
export function unpackPanels(panels: usize, L: i32, D: i32, factor: f32, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  const x = f32x4.splat(factor);
  for (let features = D; features > 0; features -= 8, to += 32) {
    let row = to;
    for (let j = 0; j < L; j++, panels += 32, row += rowBytes) {
      const low = f32x4.mul(x, v128.load(panels));
      const high = f32x4.mul(x, v128.load(panels, 16));
      if (features >= 8) {
        v128.store(row, low);
        v128.store(row, high, 16);
      } else {
        storePartial(row, low, high, features);
      }
    }
  }
}
