import { type AttentionArgs, checkAttentionArgs } from '../../src/arguments/attentionArgs.js';
import type { Precision } from '../../src/oracle/index.js';
import { ROUNDINGS } from '../../src/oracle/precision.js';
import { ORDERS, type Order, RoundedUnit } from '../../src/oracle/roundedUnit.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';

/** A naive kernel of some precision over whole tensors, its operations in a given order. Half precision comes as float32. */
export function roundedWindowAttention(
  inputs: AttentionArgs & { readonly dO?: TensorLike | undefined },
  dtype: Precision = 'float32',
  order: Order = ORDERS[0],
): Record<string, Tensor<Float32Array>> {
  const { dO, ...args } = inputs;
  const checked = checkAttentionArgs(args);
  const { B, H, L, D, nW, scale } = checked;
  const { input } = ROUNDINGS[dtype];
  const load = (x: TensorLike) => Float32Array.from(toFloat64(x), input);
  const [q, k, v] = [load(checked.q), load(checked.k), load(checked.v)];
  const bias = checked.bias && load(checked.bias);
  const mask = checked.mask && load(checked.mask);
  const logitScale = checked.logitScale && load(checked.logitScale);
  const gradient = dO && load(dO);
  const naive = new RoundedUnit(L, D, ROUNDINGS[dtype], order);
  const tensors: Record<string, Tensor<Float32Array>> = {
    o: float32Tensor([B, H, L, D]),
    lse: float32Tensor([B, H, L]),
    ...(dO && { dQ: float32Tensor([B, H, L, D]), dK: float32Tensor([B, H, L, D]), dV: float32Tensor([B, H, L, D]) }),
    ...(dO && bias && { dBias: float32Tensor([H, L, L]) }),
    ...(dO && logitScale && { dLogitScale: float32Tensor([H]) }),
  };
  for (let unit = 0; unit < B * H; unit++) {
    const h = unit % H;
    const rows = (x: Float32Array) => x.subarray(unit * L * D, (unit + 1) * L * D);
    const square = (x: Float32Array, index: number) => x.subarray(index * L * L, (index + 1) * L * L);
    naive.run({
      q: rows(q),
      k: rows(k),
      v: rows(v),
      dO: gradient && rows(gradient),
      bias: bias && square(bias, h),
      mask: mask && square(mask, Math.floor(unit / H) % nW),
      logitScale: logitScale?.[h],
      scale,
    });
    for (const name of ['o', 'lse', 'dQ', 'dK', 'dV'] as const) {
      tensors[name]?.data.set(naive[name], unit * naive[name].length);
    }
    const sums = tensors.dBias && square(tensors.dBias.data, h);
    for (let ij = 0; sums && ij < L * L; ij++) sums[ij] = (sums[ij] as number) + (naive.dS[ij] as number);
    const logit = tensors.dLogitScale?.data;
    if (logit) logit[h] = (logit[h] as number) + naive.dLogitScale;
  }
  return tensors;
}
