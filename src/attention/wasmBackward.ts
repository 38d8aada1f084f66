import { type AttentionBackwardArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { float32Tensor } from '../tensor/tensor.js';
import { GradientSums } from './gradientSums.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import { type KernelInput, kernelInput } from './staging.js';
import type { BackwardOutput } from './windowAttention.js';

/** Bytes of the four inputs and three outputs that are handled at a time. */
const BLOCK_BYTES = 2 * 1024 * 1024;
/** Windows whose dBias is summed in float32 before the sum is widened. */
const MAX_WINDOWS = 64;

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
  const perBlock = Math.max(1, Math.min(B, MAX_WINDOWS, Math.floor(BLOCK_BYTES / (7 * 4 * windowSize))));
  const block = perBlock * windowSize;
  const sums = new GradientSums(H, L, bias, logitScale);
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
    dBias: sums.biasBytes,
    dLogitScale: sums.logitScaleBytes,
    logitFactors: logitFactorBytes(logitScale),
    scratch: kernel.windowAttentionBackwardScratch(L, D),
  });
  const biasAt = biasInput.enter(at.bias, 0, H * L * L);
  const maskAt = maskInput.enter(at.mask, 0, nW * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);
  for (let first = 0; first < B; first += perBlock) {
    const count = Math.min(perBlock, B - first);
    const start = first * windowSize;
    const length = count * windowSize;
    sums.clear(memory, at.dBias, at.dLogitScale);
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
    sums.add(memory, at.dBias, at.dLogitScale);
  }
  return { ...output, ...sums.result() };
}
