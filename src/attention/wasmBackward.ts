import { type AttentionBackwardArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { MAX_LOGIT_SCALE } from '../reference/scores.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64 } from '../tensor/tensor.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactors } from './logitFactors.js';
import { type KernelInput, kernelInput } from './staging.js';
import type { BackwardOutput } from './windowAttention.js';

/** Bytes of the four inputs and three outputs that are handled at a time. */
const BLOCK_BYTES = 512 * 1024;

/**
 * The backward kernel over blocks of whole windows. What is summed over windows is summed in float32 within a block and
 * in float64 over the blocks, in their order; blocks depend on H, L and D alone, so that equal inputs give equal bits.
 */
export function wasmBackward(kernel: KernelExports, memory: KernelMemory, args: AttentionBackwardArgs): BackwardOutput {
  const checked = checkAttentionBackwardArgs(args);
  const { B, H, L, D, nW } = checked;
  const { bias, mask, logitScale } = checked;
  const output = { dQ: float32Tensor([B, H, L, D]), dK: float32Tensor([B, H, L, D]), dV: float32Tensor([B, H, L, D]) };
  const windowSize = H * L * D;
  const perBlock = Math.max(1, Math.min(B, Math.floor(BLOCK_BYTES / (7 * 4 * windowSize))));
  const block = perBlock * windowSize;
  const paddedL = Math.ceil(L / 8) * 8;
  const biasSums = bias && new Float64Array(H * L * L);
  const logitScaleSums = logitScale && new Float64Array(H);
  const inputs = [checked.q, checked.k, checked.v, checked.dO].map((tensor) => kernelInput(kernel, memory, tensor));
  const [q, k, v, dO] = inputs as [KernelInput, KernelInput, KernelInput, KernelInput];
  const biasInput = kernelInput(kernel, memory, bias);
  const maskInput = kernelInput(kernel, memory, mask);
  const at = memory.work({
    q: q.bytes(block),
    k: k.bytes(block),
    v: v.bytes(block),
    dO: dO.bytes(block),
    dQ: 4 * block,
    dK: 4 * block,
    dV: 4 * block,
    bias: biasInput.bytes(H * L * L),
    mask: maskInput.bytes(nW * L * L),
    dBias: bias ? 4 * H * L * paddedL : 0,
    dLogitScale: logitScale ? 8 * H : 0,
    logitFactors: logitScale ? 8 * H : 0,
    scratch: kernel.windowAttentionBackwardScratch(L, D),
  });
  const biasAt = biasInput.enter(at.bias, 0, H * L * L);
  const maskAt = maskInput.enter(at.mask, 0, nW * L * L);
  if (logitScale) memory.doubles(at.logitFactors, H).set(logitFactors(logitScale));
  for (let first = 0; first < B; first += perBlock) {
    const count = Math.min(perBlock, B - first);
    const start = first * windowSize;
    const length = count * windowSize;
    if (at.dBias) memory.floats(at.dBias, H * L * paddedL).fill(0);
    if (at.dLogitScale) memory.doubles(at.dLogitScale, H).fill(0);
    kernel.windowAttentionBackward(
      count * H,
      (first % Math.max(nW, 1)) * H,
      H,
      L,
      D,
      Math.max(nW, 1),
      q.enter(at.q, start, length),
      k.enter(at.k, start, length),
      v.enter(at.v, start, length),
      biasAt,
      maskAt,
      dO.enter(at.dO, start, length),
      at.dQ,
      at.dK,
      at.dV,
      at.dBias,
      at.dLogitScale,
      checked.scale,
      at.logitFactors,
      at.scratch,
    );
    for (const name of ['dQ', 'dK', 'dV'] as const) output[name].data.set(memory.floats(at[name], length), start);
    if (biasSums) addRows(biasSums, memory.floats(at.dBias, H * L * paddedL), L, paddedL);
    logitScaleSums?.forEach((sum, h, sums) => {
      sums[h] = sum + (memory.doubles(at.dLogitScale, H)[h] as number);
    });
  }
  return {
    ...output,
    ...(biasSums && { dBias: float32Tensor([H, L, L], Float32Array.from(biasSums)) }),
    ...(logitScaleSums && logitScale && { dLogitScale: belowCeiling(logitScaleSums, logitScale) }),
  };
}

/** Adds rows of padded length to rows of length L. */
function addRows(sums: Float64Array, rows: Float32Array, L: number, paddedL: number): void {
  for (let row = 0; row < sums.length / L; row++) {
    for (let j = 0; j < L; j++) sums[row * L + j] = (sums[row * L + j] as number) + (rows[row * paddedL + j] as number);
  }
}

/** Zero where the logit scale sits above its ceiling. */
function belowCeiling(sums: Float64Array, logitScale: TensorLike): Tensor<Float32Array> {
  const scales = toFloat64(logitScale);
  return float32Tensor(
    [sums.length],
    Float32Array.from(sums, (sum, h) => ((scales[h] as number) > MAX_LOGIT_SCALE ? 0 : sum)),
  );
}
