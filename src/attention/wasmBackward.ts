import { type AttentionBackwardArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { MAX_LOGIT_SCALE } from '../reference/scores.js';
import { float32Tensor, type Tensor, type TensorLike, toFloat64, widen } from '../tensor/tensor.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactors } from './logitFactors.js';
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
  const windowBytes = 4 * H * L * D;
  const perBlock = Math.max(1, Math.min(B, Math.floor(BLOCK_BYTES / (7 * windowBytes))));
  const block = perBlock * windowBytes;
  const paddedL = Math.ceil(L / 8) * 8;
  const biasSums = bias && new Float64Array(H * L * L);
  const logitScaleSums = logitScale && new Float64Array(H);
  // Found before memory may grow, which detaches the arrays in it.
  const inputs = (['q', 'k', 'v', 'dO'] as const).map((name) => ({ name, ...located(memory, checked[name], block) }));
  const biasInput = located(memory, bias);
  const maskInput = located(memory, mask);
  const at = memory.work({
    q: inputs[0]?.bytes ?? 0,
    k: inputs[1]?.bytes ?? 0,
    v: inputs[2]?.bytes ?? 0,
    dO: inputs[3]?.bytes ?? 0,
    dQ: block,
    dK: block,
    dV: block,
    bias: biasInput.bytes,
    mask: maskInput.bytes,
    dBias: bias ? 4 * H * L * paddedL : 0,
    dLogitScale: logitScale ? 8 * H : 0,
    logitFactors: logitScale ? 8 * H : 0,
    scratch: kernel.windowAttentionBackwardScratch(L, D),
  });
  const biasAt = biasInput.enter(at.bias, 0, bias?.data.length ?? 0);
  const maskAt = maskInput.enter(at.mask, 0, mask?.data.length ?? 0);
  if (logitScale) memory.doubles(at.logitFactors, H).set(logitFactors(logitScale));
  for (let first = 0; first < B; first += perBlock) {
    const count = Math.min(perBlock, B - first);
    const start = first * H * L * D;
    const length = count * H * L * D;
    const [q, k, v, dO] = inputs.map(({ name, enter }) => enter(at[name], start, length)) as [
      number,
      number,
      number,
      number,
    ];
    if (at.dBias) memory.floats(at.dBias, H * L * paddedL).fill(0);
    if (at.dLogitScale) memory.doubles(at.dLogitScale, H).fill(0);
    kernel.windowAttentionBackward(
      count * H,
      (first % Math.max(nW, 1)) * H,
      H,
      L,
      D,
      Math.max(nW, 1),
      q,
      k,
      v,
      biasAt,
      maskAt,
      dO,
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

interface Located {
  /** Bytes of working memory that the tensor needs. */
  readonly bytes: number;
  /** The pointer to elements from `start` on, copied to `pointer` where they are outside the kernel's memory. */
  enter(pointer: number, start: number, length: number): number;
}

function located(memory: KernelMemory, tensor: TensorLike | undefined, bytes?: number): Located {
  if (!tensor) return { bytes: 0, enter: () => 0 };
  if (memory.holds(tensor.data)) {
    const base = tensor.data.byteOffset;
    return { bytes: 0, enter: (_, start) => base + 4 * start };
  }
  return {
    bytes: bytes ?? 4 * tensor.data.length,
    enter(pointer, start, length) {
      widen(tensor, memory.floats(pointer, length), start);
      return pointer;
    },
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
