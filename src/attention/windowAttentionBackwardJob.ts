import type { CheckedAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import { kernelInput } from '../kernel/staging.js';
import type { GradientSums } from './gradientSums.js';
import { logitFactorBytes, writeLogitFactors } from './logitFactors.js';
import type { BackwardOutput } from './windowAttention.js';

/** Bytes of a part's four inputs and three outputs. */
const PART_BYTES = 1024 * 1024;
/** Windows whose dBias is summed in float32 before the sum is widened. */
const MAX_WINDOWS = 64;

/**
 * The backward kernel over parts of windows × heads: whole windows, or some heads of one. What is summed over windows
 * is summed in float32 within a part and in float64 over the parts, in their order; parts depend on H, L and D alone, so
 * that equal inputs give equal bits.
 */
export function windowAttentionBackwardJob(
  kernel: Kernel,
  args: CheckedAttentionBackwardArgs,
  output: Pick<BackwardOutput, 'dQ' | 'dK' | 'dV'>,
  sums: GradientSums,
): Job<'windowAttentionBackward'> {
  const { exports, memory } = kernel;
  const { B, H, L, D, nW, logitScale } = args;
  const size = L * D;
  const fitting = Math.max(1, Math.floor(PART_BYTES / (28 * size)));
  const heads = Math.min(H, fitting);
  const windows = Math.min(MAX_WINDOWS, Math.max(1, Math.floor(fitting / H)));
  const partsOfWindow = Math.ceil(H / heads);
  const parts = partsOfWindow === 1 ? Math.ceil(B / windows) : B * partsOfWindow;
  const perPart = Math.min(windows, B) * heads;
  const q = kernelInput(kernel, args.q);
  const k = kernelInput(kernel, args.k);
  const v = kernelInput(kernel, args.v);
  const dO = kernelInput(kernel, args.dO);
  const bias = kernelInput(kernel, args.bias);
  const mask = kernelInput(kernel, args.mask);
  const { scratch, scratchBytes } = kernel.scratch(exports.windowAttentionBackwardScratch(L, D));
  const { at, places } = memory.work(
    {
      bias: bias.bytes(H * L * L),
      mask: mask.bytes(nW * L * L),
      logitFactors: logitFactorBytes(logitScale),
      scratch,
    },
    {
      q: q.bytes(perPart * size),
      k: k.bytes(perPart * size),
      v: v.bytes(perPart * size),
      dO: dO.bytes(perPart * size),
      dQ: 4 * perPart * size,
      dK: 4 * perPart * size,
      dV: 4 * perPart * size,
      dBias: sums.biasBytes,
      dLogitScale: sums.logitScaleBytes,
    },
    kernel.placesFor(parts),
  );
  const biasAt = bias.enter(at.bias, 0, H * L * L);
  const maskAt = mask.enter(at.mask, 0, nW * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors);

  /** The first window of a part, the first of its heads, and how many windows × heads it has. */
  const placeOf = (part: number) => {
    if (partsOfWindow === 1) {
      const window = part * windows;
      return { window, head: 0, heads: H, count: Math.min(windows, B - window) * H };
    }
    const head = (part % partsOfWindow) * heads;
    const own = Math.min(heads, H - head);
    return { window: Math.floor(part / partsOfWindow), head, heads: own, count: own };
  };
  return {
    kernel: 'windowAttentionBackward',
    parts,
    scratch: at.scratch,
    scratchBytes,
    enter(part, place) {
      const own = places[place] as (typeof places)[0];
      const { window, head, heads: ownHeads, count } = placeOf(part);
      const start = (window * H + head) * size;
      const length = count * size;
      sums.clear(memory, own, head, ownHeads);
      return [
        count,
        (window % Math.max(nW, 1)) * H + head,
        H,
        L,
        D,
        Math.max(nW, 1),
        q.enter(own.q, start, length),
        k.enter(own.k, start, length),
        v.enter(own.v, start, length),
        biasAt,
        maskAt,
        dO.enter(own.dO, start, length),
        own.dQ,
        own.dK,
        own.dV,
        own.dBias,
        own.dLogitScale,
        args.scale,
        at.logitFactors,
      ];
    },
    leave(part, place) {
      const own = places[place] as (typeof places)[0];
      const { window, head, heads: ownHeads, count } = placeOf(part);
      const start = (window * H + head) * size;
      for (const name of ['dQ', 'dK', 'dV'] as const) {
        output[name].data.set(memory.floats(own[name], count * size), start);
      }
      sums.add(memory, part, own, head, ownHeads);
    },
  };
}
