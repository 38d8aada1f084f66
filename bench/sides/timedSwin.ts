import {
  type CheckedShiftedWindowArgs,
  type CheckedTensor,
  type Job,
  type KernelCall,
  KernelModel,
  type KernelName,
} from 'flash-window-attention/internals';
import { shiftedWindowMask } from 'flash-window-attention/reference';
import { clock } from '../options.js';
import { ImageCopies } from './imageCopies.js';
import { type BenchExports, benchExports } from './standard.js';

/** A model that says where its time goes. */
export class TimedModel extends KernelModel {
  /** Milliseconds by kernel, since it was cleared. */
  readonly times = new Map<string, number>();

  protected override async step<K extends KernelName>(call: KernelCall, prepare: () => Job<K>): Promise<void> {
    const start = clock();
    let name = '';
    await super.step(call, () => {
      const job = prepare();
      name = job.kernel;
      return job;
    });
    this.add(name, start);
  }

  protected add(name: string, start: number): void {
    this.times.set(name, (this.times.get(name) ?? 0) + clock() - start);
  }
}

interface Stage {
  readonly copies: ImageCopies;
  readonly mask: number;
  readonly s: number;
  readonly scaled: number;
  readonly scratch: number;
}

/**
 * The same model with unfused standard attention: roll, partition, permute, then S = qkᵀ, + bias, + mask, softmax and PV,
 * each a pass over the whole batch in the model's own memory, and back.
 */
export class StandardModel extends TimedModel {
  #kernel: BenchExports | undefined;
  readonly #stages = new Map<string, Stage>();

  protected override async attend(_: KernelCall, args: CheckedShiftedWindowArgs, out: CheckedTensor): Promise<void> {
    this.#kernel ??= await benchExports(this.core.memory.wasm);
    const kernel = this.#kernel;
    const { numHeads, headDim, qkv, relativePositionBias } = args;
    // Views of kernel memory, which making a stage's arrays may detach.
    const [qkvAt, biasAt, outAt] = [qkv, relativePositionBias, out].map((tensor) => tensor?.data.byteOffset ?? 0) as [
      number,
      number,
      number,
    ];
    const { copies, mask, s, scaled, scratch } = this.#stageOf(kernel, args);
    const start = clock();
    copies.split(qkvAt);
    this.add('copies', start);
    const begin = clock();
    const { q, k, v, o, windows, L, D } = copies;
    kernel.standardAttention(
      0,
      windows * numHeads,
      numHeads,
      L,
      D,
      mask ? windows : 1,
      q,
      k,
      v,
      biasAt,
      mask,
      o,
      headDim ** -0.5,
      s,
      scaled,
      scratch,
    );
    this.add('attention', begin);
    const end = clock();
    copies.merge(outAt);
    this.add('copies', end);
  }

  /** Arrays of a stage, and its mask, made once. */
  #stageOf(kernel: BenchExports, { Himg, C, numHeads, headDim, grid }: CheckedShiftedWindowArgs): Stage {
    const [window, shift] = [grid.windowSize[0], grid.shiftSize[0]];
    const key = `${Himg} ${shift}`;
    const known = this.#stages.get(key);
    if (known) return known;
    const { memory } = this.core;
    const { L, nW } = grid;
    const padded = Math.ceil(L / 8) * 8;
    const stage = {
      copies: new ImageCopies(this.core, kernel, { size: Himg, C, numHeads, window, shift }),
      mask: shift > 0 ? memory.allocate(4 * nW * L * L) : 0,
      s: memory.allocate(4 * nW * numHeads * L * padded),
      scaled: memory.allocate(4 * Himg * Himg * C),
      scratch: memory.allocate(4 * (32 + (padded + 4) * Math.ceil(headDim / 8) * 8)),
    };
    if (stage.mask) memory.floats(stage.mask, nW * L * L).set(shiftedWindowMask(Himg, Himg, window, shift).data);
    this.#stages.set(key, stage);
    return stage;
  }
}
