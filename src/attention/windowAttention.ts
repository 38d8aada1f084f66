import { type AttentionArgs, type CheckedAttentionArgs, checkAttentionArgs } from '../arguments/attentionArgs.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import { kernelInput, kernelOutput, logitFactorBytes, writeLogitFactors } from '../kernel/staging.js';
import { logitFactor } from '../reference/scores.js';
import type { CheckedTensor } from '../tensor/check.js';
import { float32Tensor } from '../tensor/tensor.js';
import type { ForwardOptions, ForwardOutput } from './interface.js';
import { checkOverlaps, outputOf } from './output.js';

/** Bytes of a part's q, k, v and o: they stay in a core's L2 cache. */
const PART_BYTES = 128 * 1024;

/** `WindowAttention.forward` by the kernel. */
export function windowAttention(
  core: KernelCore,
  args: AttentionArgs,
  options: ForwardOptions,
): Promise<ForwardOutput> {
  const checked = checkAttentionArgs(args);
  const { B, H, L, D, q, k, v, bias, mask, logitScale } = checked;
  const output = outputOf(args.out, '[B, H, L, D]', [B, H, L, D]);
  const lse = options.lse ? float32Tensor([B, H, L]) : undefined;
  return core.call((call) => {
    checkOverlaps(core, output, { q, k, v, bias, mask, logitScale });
    const job = windowAttentionJob(call, checked, output.checked, lse?.data);
    return call.run(job, () => ({ o: output.result, ...(lse && { lse }) }));
  }, options.signal);
}

/** The kernel over parts of windows × heads; what lies outside its memory is copied part by part. */
function windowAttentionJob(
  call: KernelCall,
  args: CheckedAttentionArgs,
  output: CheckedTensor,
  lse: Float32Array | undefined,
): Job<'windowAttention'> {
  const { core } = call;
  const { exports, memory } = core;
  const { B, H, L, D, nW, logitScale } = args;
  const windowHeads = B * H;
  const size = L * D;
  const perPart = Math.max(1, Math.min(Math.floor(PART_BYTES / (16 * size)), windowHeads));
  const parts = Math.ceil(windowHeads / perPart);
  const q = kernelInput(core, args.q);
  const k = kernelInput(core, args.k);
  const v = kernelInput(core, args.v);
  const o = kernelOutput(core, output);
  const bias = kernelInput(core, args.bias);
  const mask = kernelInput(core, args.mask);
  const biasLength = H * L * L;
  const maskLength = nW * L * L;
  const { scratch, scratchBytes } = call.scratch(exports.windowAttentionScratch(L, D));
  const { at, places } = call.work(
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
    core.placesFor(parts),
  );
  const biasAt = bias.enter(at.bias, 0, biasLength);
  const maskAt = mask.enter(at.mask, 0, maskLength);
  writeLogitFactors(memory, logitScale, at.logitFactors, logitFactor);
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
      return {
        windowHeads: countOf(part),
        first: first % (H * Math.max(nW, 1)), // head and mask repeat with this period, and it fits an i32
        H,
        L,
        D,
        nW: Math.max(nW, 1),
        q: q.enter(own.q, start, length),
        k: k.enter(own.k, start, length),
        v: v.enter(own.v, start, length),
        bias: biasAt,
        mask: maskAt,
        scale: args.scale,
        logitFactors: at.logitFactors,
        o: o.place(own.o, start),
        lse: own.lse,
      };
    },
    leave(part, place) {
      const own = places[place] as (typeof places)[0];
      const first = part * perPart;
      o.leave(own.o, first * size, countOf(part) * size);
      lse?.set(memory.floats(own.lse, countOf(part) * L), first * L);
    },
  };
}
