import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import { kernelInput, kernelOutput } from '../kernel/staging.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import type { Output } from './output.js';

/** Bytes of a part's q, k, v and o: they stay in a core's L2 cache. */
const PART_BYTES = 128 * 1024;

/** The forward kernel over parts of windows × heads; what lies outside the kernel's memory is copied part by part. */
export function windowAttentionJob(
  kernel: Kernel,
  args: CheckedAttentionArgs,
  output: Output,
  lse: Float32Array | undefined,
): Job<'windowAttention'> {
  const { exports, memory } = kernel;
  const { B, H, L, D, nW, logitScale } = args;
  const windowHeads = B * H;
  const size = L * D;
  const perPart = Math.max(1, Math.min(Math.floor(PART_BYTES / (16 * size)), windowHeads));
  const parts = Math.ceil(windowHeads / perPart);
  const q = kernelInput(kernel, args.q);
  const k = kernelInput(kernel, args.k);
  const v = kernelInput(kernel, args.v);
  const o = kernelOutput(kernel, { data: output.data, type: output.tensor.type });
  const bias = kernelInput(kernel, args.bias);
  const mask = kernelInput(kernel, args.mask);
  const biasLength = H * L * L;
  const maskLength = nW * L * L;
  const { scratch, scratchBytes } = kernel.scratch(exports.windowAttentionScratch(L, D));
  const { at, places } = memory.work(
    {
      bias: bias.bytes(biasLength),
      mask: mask.bytes(maskLength),
      logitFactors: logitFactorBytes(logitScale),
      scratch,
    },
    {
      q: q.bytes(perPart * size),
      k: k.bytes(perPart * size),
      v: v.bytes(perPart * size),
      o: o.bytes(perPart * size),
      lse: lse ? 4 * perPart * L : 0,
    },
    kernel.placesFor(parts),
  );
  const biasAt = bias.enter(at.bias, 0, biasLength);
  const maskAt = mask.enter(at.mask, 0, maskLength);
  writeLogitFactors(memory, logitScale, at.logitFactors);
  const countOf = (part: number) => Math.min(perPart, windowHeads - part * perPart);
  return {
    kernel: 'windowAttention',
    parts,
    scratch: at.scratch,
    scratchBytes,
    enter(part, place) {
      const own = places[place] as (typeof places)[0];
      const first = part * perPart;
      const start = first * size;
      const length = countOf(part) * size;
      return [
        countOf(part),
        first % (H * Math.max(nW, 1)), // head and mask repeat with this period, and it fits an i32
        H,
        L,
        D,
        Math.max(nW, 1),
        q.enter(own.q, start, length),
        k.enter(own.k, start, length),
        v.enter(own.v, start, length),
        biasAt,
        maskAt,
        o.place(own.o, start),
        own.lse,
        args.scale,
        at.logitFactors,
      ];
    },
    leave(part, place) {
      const own = places[place] as (typeof places)[0];
      const first = part * perPart;
      o.leave(own.o, first * size, countOf(part) * size);
      lse?.set(memory.floats(own.lse, countOf(part) * L), first * L);
    },
  };
}
