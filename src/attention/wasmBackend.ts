import type { AttentionBackwardArgs, AttentionShape, CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { checkShiftedWindowArgs, type ShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { shiftedWindowMask } from '../reference/shiftedWindowMask.js';
import { float32Tensor, type Tensor, type TensorLike, widen } from '../tensor/tensor.js';
import type { Backend } from './backend.js';
import type { KernelExports } from './kernelExports.js';
import { KernelMemory } from './kernelMemory.js';
import type { KernelSimd } from './kernelModule.js';
import { logitFactors } from './logitFactors.js';
import { type Output, writeOutput } from './output.js';
import { ShiftedWindows } from './shiftedWindows.js';
import { wasmBackward } from './wasmBackward.js';
import type { BackwardOutput } from './windowAttention.js';

/** Bytes of q, k, v and o that are copied in and out at a time: they stay in a core's L2 cache. */
const BLOCK_BYTES = 192 * 1024;

/** One of q, k, v: in the kernel's memory, or copied there block by block, from float `start` of (B, H, L, D). */
type Input = { readonly pointer: number } | { readonly read: (start: number, target: Float32Array) => void };
type Sink = { readonly pointer: number } | { readonly write: (start: number, values: Float32Array) => void };

interface Forward extends AttentionShape {
  readonly nW: number;
  readonly q: Input;
  readonly k: Input;
  readonly v: Input;
  readonly bias: TensorLike | undefined;
  readonly mask: TensorLike | undefined;
  readonly scale: number;
  readonly logitScale: TensorLike | undefined;
  readonly o: Sink;
  readonly lse: Float32Array | undefined;
}

/** The WebAssembly kernels, in one thread. */
export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly threads = 1;
  readonly #memory: KernelMemory;

  constructor(
    private readonly kernel: KernelExports,
    readonly simd: KernelSimd,
  ) {
    this.#memory = new KernelMemory(kernel);
  }

  forward(args: CheckedAttentionArgs, output: Output, lse: Float32Array | undefined): void {
    const inKernel = this.#memory.holds(output.data);
    this.#run({
      ...args,
      q: this.#input(args.q),
      k: this.#input(args.k),
      v: this.#input(args.v),
      o: inKernel
        ? { pointer: output.data.byteOffset }
        : { write: (start, values) => writeOutput(output, start, values) },
      lse,
    });
  }

  backward(args: AttentionBackwardArgs): BackwardOutput {
    return wasmBackward(this.kernel, this.#memory, args);
  }

  shiftedWindowAttention(args: ShiftedWindowArgs): Tensor<Float32Array> {
    const checked = checkShiftedWindowArgs(args);
    const { B, Himg, Wimg, C, numHeads, headDim, grid } = checked;
    const out = float32Tensor([B, Himg, Wimg, C]);
    const windows = new ShiftedWindows(checked, out.data);
    const { windowSize, shiftSize, paddedHeight, paddedWidth, nW, L } = grid;
    const isShifted = shiftSize[0] > 0 || shiftSize[1] > 0;
    this.#run({
      B: B * nW,
      H: numHeads,
      L,
      D: headDim,
      nW: isShifted ? nW : 0,
      q: { read: (start, target) => windows.read(0, start, target) },
      k: { read: (start, target) => windows.read(1, start, target) },
      v: { read: (start, target) => windows.read(2, start, target) },
      bias: checked.relativePositionBias,
      mask: isShifted ? shiftedWindowMask(paddedHeight, paddedWidth, windowSize, shiftSize) : undefined,
      scale: checked.scale ?? headDim ** -0.5,
      logitScale: checked.logitScale,
      o: { write: (start, values) => windows.write(start, values) },
      lse: undefined,
    });
    return out;
  }

  tensor(dims: readonly number[]): Tensor<Float32Array> {
    return this.#memory.tensor(dims);
  }

  dispose(): void {}

  #input(tensor: TensorLike): Input {
    const pointer = this.#pointerOf(tensor);
    return pointer === undefined ? { read: (start, target) => void widen(tensor, target, start) } : { pointer };
  }

  /** Where a tensor lies in the kernel's memory, if it does. */
  #pointerOf(tensor: TensorLike | undefined): number | undefined {
    return tensor && this.#memory.holds(tensor.data) ? tensor.data.byteOffset : undefined;
  }

  #run(forward: Forward): void {
    const { B, H, L, D, nW, q, k, v, o, lse } = forward;
    const windowHeads = B * H;
    if (windowHeads === 0) return;
    const windowBytes = 4 * L * D;
    const outside = [q, k, v, o].filter((array) => !('pointer' in array)).length;
    const blockSize = outside === 0 ? windowHeads : Math.max(1, Math.floor(BLOCK_BYTES / (outside * windowBytes)));
    const perBlock = Math.min(blockSize, windowHeads);
    const staged = (array: Input | Sink) => ('pointer' in array ? 0 : perBlock * windowBytes);
    // Found before memory may grow, which detaches the arrays in it.
    const biasInKernel = this.#pointerOf(forward.bias);
    const maskInKernel = this.#pointerOf(forward.mask);
    const at = this.#memory.work({
      q: staged(q),
      k: staged(k),
      v: staged(v),
      o: staged(o),
      bias: biasInKernel === undefined ? 4 * (forward.bias?.data.length ?? 0) : 0,
      mask: maskInKernel === undefined ? 4 * (forward.mask?.data.length ?? 0) : 0,
      logitFactors: forward.logitScale ? 4 * H : 0,
      lse: lse ? 4 * perBlock * L : 0,
      scratch: this.kernel.windowAttentionScratch(L, D),
    });
    const bias = biasInKernel ?? this.#copy(forward.bias, at.bias);
    const mask = maskInKernel ?? this.#copy(forward.mask, at.mask);
    if (forward.logitScale) {
      this.#memory.floats(at.logitFactors, H).set(logitFactors(forward.logitScale));
    }
    for (let first = 0; first < windowHeads; first += perBlock) {
      const count = Math.min(perBlock, windowHeads - first);
      const start = first * L * D;
      const enter = (array: Input, pointer: number) => {
        if ('pointer' in array) return array.pointer + 4 * start;
        array.read(start, this.#memory.floats(pointer, count * L * D));
        return pointer;
      };
      const oBlock = 'pointer' in o ? o.pointer + 4 * start : at.o;
      this.kernel.windowAttention(
        count,
        first % (H * Math.max(nW, 1)), // head and mask repeat with this period, and it fits an i32
        H,
        L,
        D,
        Math.max(nW, 1),
        enter(q, at.q),
        enter(k, at.k),
        enter(v, at.v),
        bias,
        mask,
        oBlock,
        at.lse,
        forward.scale,
        at.logitFactors,
        at.scratch,
      );
      if ('write' in o) o.write(start, this.#memory.floats(oBlock, count * L * D));
      lse?.set(this.#memory.floats(at.lse, count * L), first * L);
    }
  }

  /** Copies a whole tensor to `pointer`; 0 stands for no tensor. */
  #copy(tensor: TensorLike | undefined, pointer: number): number {
    if (!tensor) return 0;
    widen(tensor, this.#memory.floats(pointer, tensor.data.length));
    return pointer;
  }
}
