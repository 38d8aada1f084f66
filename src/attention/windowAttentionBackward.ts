import {
  type AttentionBackwardArgs,
  type CheckedAttentionBackwardArgs,
  checkAttentionBackwardArgs,
} from '../arguments/attentionArgs.js';
import type { KernelCall, KernelCore } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import { kernelInput, logitFactorBytes, writeLogitFactors } from '../kernel/staging.js';
import { logitFactor } from '../reference/scores.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import { float32Tensor } from '../tensor/tensor.js';
import { GradientSums } from './gradientSums.js';
import type { BackwardOutput } from './interface.js';

/** Bytes of a part's four inputs and three outputs. */
const PART_BYTES = 1024 * 1024;
/** Windows whose dBias is summed in float32 before the sum is widened. */
const MAX_WINDOWS = 64;

/** `WindowAttention.backward` by the kernel. */
export function windowAttentionBackward(
  core: KernelCore,
  args: AttentionBackwardArgs,
  { signal }: CallOptions,
): Promise<BackwardOutput> {
  const checked = checkAttentionBackwardArgs(args);
  const { dims } = checked.q;
  const output = { dQ: float32Tensor(dims), dK: float32Tensor(dims), dV: float32Tensor(dims) };
  return core.call((call) => {
    const sums = new GradientSums(checked.H, checked.L, checked.bias, checked.logitScale);
    const job = windowAttentionBackwardJob(call, checked, output, sums);
    return call.run(job, () => ({ ...output, ...sums.result() }));
  }, signal);
}

/**
 * The kernel over parts of windows × heads: whole windows, or some heads of one. What is summed over windows is summed in
 * float32 within a part and in float64 over the parts, in their order; parts depend on H, L and D alone, so that equal
 * inputs give equal bits.
 */
function windowAttentionBackwardJob(
  call: KernelCall,
  args: CheckedAttentionBackwardArgs,
  output: Pick<BackwardOutput, 'dQ' | 'dK' | 'dV'>,
  sums: GradientSums,
): Job<'windowAttentionBackward'> {
  const { core } = call;
  const { exports, memory } = core;
  const { B, H, L, D, nW, logitScale } = args;
  const size = L * D;
  const fitting = Math.max(1, Math.floor(PART_BYTES / (28 * size)));
  const heads = Math.min(H, fitting);
  const windows = Math.min(MAX_WINDOWS, Math.max(1, Math.floor(fitting / H)));
  const partsOfWindow = Math.ceil(H / heads);
  const parts = partsOfWindow === 1 ? Math.ceil(B / windows) : B * partsOfWindow;
  const perPart = Math.min(windows, B) * heads;
  const q = kernelInput(core, args.q);
  const k = kernelInput(core, args.k);
  const v = kernelInput(core, args.v);
  const dO = kernelInput(core, args.dO);
  const bias = kernelInput(core, args.bias);
  const mask = kernelInput(core, args.mask);
  const { scratch, scratchBytes } = call.scratch(exports.windowAttentionBackwardScratch(L, D));
  const { at, places } = call.work(
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
    core.placesFor(parts),
  );
  const biasAt = bias.enter(at.bias, 0, H * L * L);
  const maskAt = mask.enter(at.mask, 0, nW * L * L);
  writeLogitFactors(memory, logitScale, at.logitFactors, logitFactor);

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
      return {
        windowHeads: count,
        first: (window % Math.max(nW, 1)) * H + head,
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
        dO: dO.enter(own.dO, start, length),
        dQ: own.dQ,
        dK: own.dK,
        dV: own.dV,
        dBias: own.dBias,
        dLogitScale: own.dLogitScale,
      };
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
