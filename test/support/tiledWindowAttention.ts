import { type AttentionArgs, checkAttentionArgs } from '../../src/arguments/attentionArgs.js';
import type { Precision } from '../../src/oracle/index.js';
import { ROUNDINGS } from '../../src/oracle/precision.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** What fused kernels do in one way or another; all of it is right. */
export interface Tiling {
  /** Keys that are taken at once. */
  readonly keys: number;
  /** The scale, times log2 e, goes into q before q becomes an operand, as in Triton's tutorial; else into the scores. */
  readonly isScaleInQ: boolean;
  /** dS is made of the P that has been rounded for its own product. */
  readonly isPRounded: boolean;
  /** dBias sums the dS that has been rounded for its own product. */
  readonly isDSRounded: boolean;
  /** rowsum(dO ∘ O) of the output as it is stored, instead of as it was accumulated. */
  readonly isDeltaOfStored: boolean;
}

const r = Math.fround;
const LOG2_E = r(Math.LOG2E);

/**
 * Window attention and its backward as a fused kernel computes them: keys in tiles, softmax online and in base 2, products of
 * rounded operands summed in float32, P recomputed from logsumexp. It shares nothing with the oracle's naive kernels but how
 * numbers are rounded. Source: Dao 2023, "FlashAttention-2", algorithms 1 and 2.
 */
export function tiledWindowAttention(
  inputs: AttentionArgs & { readonly dO: TensorLike },
  dtype: Precision,
  tiling: Tiling,
): Record<string, Tensor<Float32Array>> {
  const { dO, ...args } = inputs;
  const checked = checkAttentionArgs(args);
  const { B, H, L, D, nW } = checked;
  const { input, operand, output } = ROUNDINGS[dtype];
  const load = (x: TensorLike) => Float32Array.from(toFloat64(x), input);
  const [q, k, v, g] = [load(checked.q), load(checked.k), load(checked.v), load(dO)];
  const bias = checked.bias && load(checked.bias);
  const mask = checked.mask && load(checked.mask);
  const scale = r(checked.scale);
  const inQ = tiling.isScaleInQ ? r(scale * LOG2_E) : 1;
  const inScores = tiling.isScaleInQ ? 1 : r(scale * LOG2_E);
  const tensors = {
    o: float32Tensor([B, H, L, D]),
    lse: float32Tensor([B, H, L]),
    dQ: float32Tensor([B, H, L, D]),
    dK: float32Tensor([B, H, L, D]),
    dV: float32Tensor([B, H, L, D]),
    ...(bias && { dBias: float32Tensor([H, L, L]) }),
  };
  const queries = q.map((x) => operand(r(x * inQ)));
  const [keys, values, gradients] = [k.map(operand), v.map(operand), g.map(operand)];
  /** Scores in units of ln 2: row i of unit n against key j. */
  const scoreOf = (n: number, i: number, j: number) => {
    let sum = 0;
    for (let d = 0; d < D; d++) {
      sum = r(sum + (queries[(n * L + i) * D + d] as number) * (keys[(n * L + j) * D + d] as number));
    }
    const h = n % H;
    const window = nW > 0 ? Math.floor(n / H) % nW : 0;
    let s = r(sum * inScores);
    if (bias) s = r(s + r((bias[(h * L + i) * L + j] as number) * LOG2_E));
    if (mask) s = r(s + r((mask[(window * L + i) * L + j] as number) * LOG2_E));
    return s;
  };
  for (let n = 0; n < B * H; n++) {
    const at = n * L * D;
    const log2Sums = new Float32Array(L);
    const deltas = new Float32Array(L);
    for (let i = 0; i < L; i++) {
      let [max, total] = [Number.NEGATIVE_INFINITY, 0];
      const row = new Float32Array(D);
      for (let first = 0; first < L; first += tiling.keys) {
        const tile = Array.from({ length: Math.min(tiling.keys, L - first) }, (_, j) => scoreOf(n, i, first + j));
        const next = Math.max(max, ...tile);
        if (next === Number.NEGATIVE_INFINITY) continue;
        const rescale = r(2 ** r(max - next));
        const P = tile.map((s) => r(2 ** r(s - next)));
        total = P.reduce((sum, p) => r(sum + p), r(total * rescale));
        for (let d = 0; d < D; d++) {
          let sum = r((row[d] as number) * rescale);
          P.forEach((p, j) => {
            sum = r(sum + operand(p) * (values[at + (first + j) * D + d] as number));
          });
          row[d] = sum;
        }
        max = next;
      }
      log2Sums[i] = total === 0 ? Number.NEGATIVE_INFINITY : r(max + r(Math.log2(total)));
      tensors.lse.data[n * L + i] = r((log2Sums[i] as number) * r(Math.LN2));
      let delta = 0;
      for (let d = 0; d < D; d++) {
        const o = total === 0 ? 0 : r((row[d] as number) / total);
        tensors.o.data[at + i * D + d] = output(o);
        delta = r(delta + r((gradients[at + i * D + d] as number) * (tiling.isDeltaOfStored ? output(o) : o)));
      }
      deltas[i] = delta;
    }
    const [dQ, dK, dV] = [new Float32Array(L * D), new Float32Array(L * D), new Float32Array(L * D)];
    for (let j = 0; j < L; j++) {
      for (let i = 0; i < L; i++) {
        const lse = log2Sums[i] as number;
        const p = lse === Number.NEGATIVE_INFINITY ? 0 : r(2 ** r(scoreOf(n, i, j) - lse));
        let dP = 0;
        for (let d = 0; d < D; d++) {
          dP = r(dP + (gradients[at + i * D + d] as number) * (values[at + j * D + d] as number));
        }
        const rounded = operand(p);
        const dS = r((tiling.isPRounded ? rounded : p) * r(dP - (deltas[i] as number)));
        const factor = operand(dS);
        for (let d = 0; d < D; d++) {
          dV[j * D + d] = r((dV[j * D + d] as number) + rounded * (gradients[at + i * D + d] as number));
          dQ[i * D + d] = r((dQ[i * D + d] as number) + factor * (keys[at + j * D + d] as number));
          dK[j * D + d] = r((dK[j * D + d] as number) + factor * (queries[at + i * D + d] as number));
        }
        const sums = tensors.dBias?.data;
        const place = ((n % H) * L + i) * L + j;
        if (sums) sums[place] = r((sums[place] as number) + (tiling.isDSRounded ? factor : dS));
      }
    }
    // q in units of log2 e gives dK its scale and a factor too many.
    const ofKeys = tiling.isScaleInQ ? r(Math.LN2) : scale;
    tensors.dQ.data.set(
      dQ.map((x) => output(r(x * scale))),
      at,
    );
    tensors.dK.data.set(
      dK.map((x) => output(r(x * ofKeys))),
      at,
    );
    tensors.dV.data.set(dV.map(output), at);
  }
  return tensors;
}
