import { SLACK, WindowAttentionRecord } from '../build/assembly/records';
import { scorePanel, valuePanel } from '../build/assembly/tiles';
import { rowsOfPanel } from './lanes';
import { packKeys, packTailKeys } from './packKeys';
import { packValues } from './packValues';
import { unitRows } from './rowNorms';
import { scoreTailKeys } from './scoreTailKeys';
import { softmaxRows } from './softmaxRows';

/** Queries of one panel. */
export const PANEL_ROWS = 4;
/** Largest number of keys that `packTailKeys` leaves beside the panels. */
export const TAIL_KEYS = 4;

/** Bytes of scratch that `windowAttention` needs for windows of L tokens and heads of D features; f64 cannot overflow. */
export function windowAttentionScratch(L: i32, D: i32): f64 {
  const length = <f64>L + 7;
  const features = <f64>D + 7;
  const rows = <f64>PANEL_ROWS + 2; // S of one panel of queries; 1/Σ, norms
  const matrices: f64 = 4; // Kᵀ, V, unit q and k
  return 4 * (rows * length + matrices * length * features + <f64>TAIL_KEYS * features) + 6 * <f64>SLACK;
}

/**
 * Flash Window Attention, forward, of the record's pairs of window and head.
 *
 * The report keeps a window's whole S on chip (arXiv 2501.06480, Algorithm 1); here that is S of one panel of 4
 * queries against all L keys, which stays in L1 from Q Kᵀ to P V.
 */
export function windowAttention(args: WindowAttentionRecord, scratch: usize): void {
  const windowHeads = args.windowHeads;
  const first = args.first;
  const H = args.H;
  const L = args.L;
  const D = args.D;
  const nW = args.nW;
  const bias = args.bias;
  const mask = args.mask;
  const scale = args.scale;
  const logitFactors = args.logitFactors;
  let q = args.q;
  let k = args.k;
  let v = args.v;
  let o = args.o;
  let lse = args.lse;
  const rowBytes = (<usize>D) << 2;
  const windowBytes = <usize>L * rowBytes;
  const scoreBytes = (<usize>L * <usize>L) << 2;
  const sStride = (<usize>((L + 7) & ~7)) << 2;
  const s = scratch;
  const inverse = s + <usize>PANEL_ROWS * sStride;
  const norms = inverse + sStride;
  const keys = norms + sStride + SLACK;
  const tailKeys = keys + sStride * <usize>D + SLACK;
  const values = tailKeys + <usize>TAIL_KEYS * rowBytes + SLACK;
  const unitQ = values + <usize>L * ((<usize>((D + 7) & ~7)) << 2) + SLACK;
  const unitK = unitQ + windowBytes + SLACK;

  for (let i = 0; i < windowHeads; i++) {
    const h = (first + i) % H;
    const b = (first + i) / H;
    const biasOfHead = bias ? bias + <usize>h * scoreBytes : 0;
    const maskOfWindow = mask ? mask + <usize>(b % nW) * scoreBytes : 0;
    let queries = q;
    let keyRows = k;
    let factor = scale;
    if (logitFactors) {
      unitRows(q, L, D, <f32>load<f64>(logitFactors + (h << 3)), norms, unitQ);
      unitRows(k, L, D, 1, norms, unitK);
      queries = unitQ;
      keyRows = unitK;
      factor = 1;
    }
    packKeys(keyRows, L, D, factor, keys);
    packTailKeys(keyRows, L, D, factor, tailKeys);
    // Unnormalised rows of P sum to L at most: scaled by 2^-k, k = ⌈log2 L⌉, where their sum over V could overflow.
    const maxValue = packValues(v, L, D, values);
    const exponent = maxValue * <f32>L < 1e38 ? 0 : 32 - clz(L - 1);
    let rows = 0;
    for (let row = 0; row < L; row += rows) {
      rows = rowsOfPanel(L - row);
      const a = queries + <usize>row * rowBytes;
      const offset = (<usize>row * <usize>L) << 2;
      const biasRows = bias ? biasOfHead + offset : 0;
      const maskRows = mask ? maskOfWindow + offset : 0;
      scorePanel(rows, a, rowBytes, keys, D, L, biasRows, maskRows, s, sStride);
      scoreTailKeys(rows, a, rowBytes, tailKeys, D, L, biasRows, maskRows, s, sStride);
      softmaxRows(s, sStride, rows, L, exponent, inverse, lse ? lse + (row << 2) : 0);
      valuePanel(rows, s, sStride, values, L, D, inverse, o + <usize>row * rowBytes, rowBytes);
    }
    q += windowBytes;
    k += windowBytes;
    v += windowBytes;
    o += windowBytes;
    if (lse) lse += (<usize>L) << 2;
  }
}
