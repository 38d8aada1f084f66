import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import type { KernelExports } from './kernelExports.js';
import type { KernelMemory } from './kernelMemory.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import type { Output } from './output.js';
import { kernelInput, kernelOutput } from './staging.js';

/** Bytes of q, k, v and o that are copied in and out at a time: they stay in a core's L2 cache. */
const BLOCK_BYTES = 192 * 1024;

/** The forward kernel: one call where q, k, v and `out` lie in the kernel's memory, else one a block of windows. */
export function wasmForward(
  kernel: KernelExports,
  memory: KernelMemory,
  args: CheckedAttentionArgs,
  output: Output,
  lse: Float32Array | undefined,
): void {
  const { B, H, L, D, nW, logitScale } = args;
  const windowHeads = B * H;
  if (windowHeads === 0) return;
  const size = L * D;
  const inputs = [args.q, args.k, args.v].map((tensor) => kernelInput(kernel, memory, tensor));
  const [q, k, v] = inputs as [(typeof inputs)[0], (typeof inputs)[0], (typeof inputs)[0]];
  const o = kernelOutput(kernel, memory, output);
  const bias = kernelInput(kernel, memory, args.bias);
  const mask = kernelInput(kernel, memory, args.mask);
  const biasLength = H * L * L;
  const maskLength = nW * L * L;
  const bytesOfOne = [q, k, v, o].reduce((sum, array) => sum + array.bytes(size), 0);
  const fitting = bytesOfOne === 0 ? windowHeads : Math.floor(BLOCK_BYTES / bytesOfOne);
  const perBlock = Math.max(1, Math.min(fitting, windowHeads));
  const at = memory.work({
    q: q.bytes(perBlock * size),
    k: k.bytes(perBlock * size),
    v: v.bytes(perBlock * size),
    o: o.bytes(perBlock * size),
    bias: bias.bytes(biasLength),
    mask: mask.bytes(maskLength),
    logitFactors: logitFactorBytes(logitScale),
    lse: lse ? 4 * perBlock * L : 0,
    scratch: kernel.windowAttentionScratch(L, D),
  });
  const biasAt = bias.enter(at.bias, 0, biasLength);
  const maskAt = mask.enter(at.mask, 0, maskLength);
  writeLogitFactors(memory, logitScale, at.logitFactors);
  for (let first = 0; first < windowHeads; first += perBlock) {
    const count = Math.min(perBlock, windowHeads - first);
    const start = first * size;
    const length = count * size;
    kernel.windowAttention(
      count,
      first % (H * Math.max(nW, 1)), // head and mask repeat with this period, and it fits an i32
      H,
      L,
      D,
      Math.max(nW, 1),
      q.enter(at.q, start, length),
      k.enter(at.k, start, length),
      v.enter(at.v, start, length),
      biasAt,
      maskAt,
      o.place(at.o, start),
      at.lse,
      args.scale,
      at.logitFactors,
      at.scratch,
    );
    o.leave(at.o, start, length);
    lse?.set(memory.floats(at.lse, count * L), first * L);
  }
}
