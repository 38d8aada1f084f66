import {
  type AttentionArgs,
  type CheckedAttentionArgs,
  checkAttentionArgs,
  checkAttentionBackwardArgs,
} from '../arguments/attentionArgs.js';
import { checkShiftedWindowArgs, checkShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import { CallQueue } from '../kernel/callQueue.js';
import { Turn } from '../kernel/nextTask.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from '../reference/shiftedWindowAttentionBackward.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { type AbortSignalLike, throwIfAborted } from '../tensor/abortSignal.js';
import type { CheckedTensor } from '../tensor/check.js';
import { numberToBfloat16, numberToFloat16 } from '../tensor/half.js';
import { float32Tensor, float64Tensor, product, type Tensor, type TensorLike } from '../tensor/tensor.js';
import type { EngineTensor } from './interface.js';
import type { Operations } from './operations.js';
import { checkOverlaps, type Output, outputOf } from './output.js';

/** The float64 reference behind the engine's interface, results rounded to float32. */
export function typescriptOperations(): Operations {
  const queue = new CallQueue('WindowAttention');
  return {
    backend: 'typescript',
    simd: 'none',
    threads: 1,
    core: undefined,
    async forward(args, options) {
      const checked = checkAttentionArgs(args);
      const { B, H, L, D, q, k, v, bias, mask, logitScale } = checked;
      const output = outputOf(args.out, '[B, H, L, D]', [B, H, L, D]);
      const lse = options.lse ? float32Tensor([B, H, L]) : undefined;
      return queue.run(async () => {
        checkOverlaps(undefined, output, { q, k, v, bias, mask, logitScale });
        const write = writer(output);
        await inTurns(B, options.signal, (b) => {
          const result = windowAttention(oneWindow(args, checked, b));
          write(result.o.data, b * H * L * D);
          lse?.data.set(result.lse.data, b * H * L);
        });
        return { o: output.result, ...(lse && { lse }) };
      }, options.signal);
    },
    async backward(args, { signal }) {
      const checked = checkAttentionBackwardArgs(args);
      const { B, H, L, D, bias, logitScale } = checked;
      const size = H * L * D;
      return queue.run(async () => {
        const [dQ, dK, dV] = [float32Tensor([B, H, L, D]), float32Tensor([B, H, L, D]), float32Tensor([B, H, L, D])];
        const dBias = bias && float64Tensor([H, L, L]);
        const dLogitScale = logitScale && float64Tensor([H]);
        await inTurns(B, signal, (b) => {
          const dO = windowOf(checked.dO, b, [1, H, L, D]);
          const result = windowAttentionBackward({ ...oneWindow(args, checked, b), dO });
          dQ.data.set(result.dQ.data, b * size);
          dK.data.set(result.dK.data, b * size);
          dV.data.set(result.dV.data, b * size);
          addTo(dBias, result.dBias);
          addTo(dLogitScale, result.dLogitScale);
        });
        return {
          dQ,
          dK,
          dV,
          ...(dBias && { dBias: rounded(dBias) }),
          ...(dLogitScale && { dLogitScale: rounded(dLogitScale) }),
        };
      }, signal);
    },
    async shiftedWindowAttention(args, { signal }) {
      const { B, Himg, Wimg, C, ...inputs } = checkShiftedWindowArgs(args);
      const { qkv, relativePositionBias, logitScale, paddingQkv } = inputs;
      const output = outputOf(args.out, '[B, Himg, Wimg, C]', [B, Himg, Wimg, C]);
      return queue.run(() => {
        checkOverlaps(undefined, output, { qkv, relativePositionBias, logitScale, paddingQkv });
        writer(output)(shiftedWindowAttention(args).data, 0);
        return output.result;
      }, signal);
    },
    async shiftedWindowAttentionBackward(args, { signal }) {
      const { qkv, relativePositionBias, logitScale, paddingQkv, dO } = checkShiftedWindowBackwardArgs(args);
      const output = outputOf(args.out, '[B, Himg, Wimg, 3C]', qkv.dims);
      return queue.run(() => {
        checkOverlaps(undefined, output, { qkv, relativePositionBias, logitScale, paddingQkv, dO });
        const { dQkv, dRelativePositionBias, dLogitScale } = shiftedWindowAttentionBackward(args);
        writer(output)(dQkv.data, 0);
        return {
          dQkv: output.result,
          ...(dRelativePositionBias && { dRelativePositionBias: rounded(dRelativePositionBias) }),
          ...(dLogitScale && { dLogitScale: rounded(dLogitScale) }),
        };
      }, signal);
    },
    tensor(dims) {
      queue.checkOpen();
      return new PlainTensor(dims, () => queue.isClosed);
    },
    checkOpen: () => queue.checkOpen(),
    dispose: () => queue.close(() => {}),
  };
}

/** A tensor in JavaScript's memory with the life of one in an engine's. */
class PlainTensor implements EngineTensor {
  readonly type = 'float32';
  readonly dims: readonly number[];
  readonly #isEngineClosed: () => boolean;
  #data: Float32Array | undefined;

  constructor(dims: readonly number[], isEngineClosed: () => boolean) {
    this.dims = dims;
    this.#isEngineClosed = isEngineClosed;
    this.#data = new Float32Array(product(dims));
  }

  get data(): Float32Array {
    if (!this.#data || this.#isEngineClosed()) throw new Error('this tensor was disposed');
    return this.#data;
  }

  dispose(): void {
    this.#data = undefined;
  }
}

/** Computes windows one by one, lets the host's other tasks run between them, and looks at the signal then. */
async function inTurns(
  windows: number,
  signal: AbortSignalLike | undefined,
  compute: (window: number) => void,
): Promise<void> {
  const turn = new Turn();
  for (let b = 0; b < windows; b++) {
    if (turn.isOver()) {
      await turn.next();
      throwIfAborted(signal);
    }
    compute(b);
  }
}

/** The arguments of window `b` alone. */
function oneWindow(
  args: AttentionArgs,
  { H, L, D, nW, q, k, v, mask }: CheckedAttentionArgs,
  b: number,
): AttentionArgs {
  const dims = [1, H, L, D];
  const { bias, scale, logitScale } = args;
  return {
    q: windowOf(q, b, dims),
    k: windowOf(k, b, dims),
    v: windowOf(v, b, dims),
    bias,
    mask: mask && windowOf(mask, b % nW, [1, L, L]),
    scale,
    logitScale,
  };
}

/** Part number `index` of a tensor that is made of parts of `dims`. */
function windowOf({ data, type }: CheckedTensor, index: number, dims: readonly number[]): TensorLike {
  const length = product(dims);
  return { data: data.subarray(index * length, (index + 1) * length), dims, type };
}

function addTo(sum: Tensor<Float64Array> | undefined, part: Tensor<Float64Array> | undefined): void {
  part?.data.forEach((value, i) => {
    if (sum) sum.data[i] = (sum.data[i] as number) + value;
  });
}

/** Writes values from an element on, rounded to the output's type, to nearest even. */
function writer({ checked }: Output): (values: Float64Array, start: number) => void {
  const { type } = checked;
  if (type === 'float32' || type === 'float64') return (values, start) => checked.data.set(values, start);
  const encode = type === 'bfloat16' ? numberToBfloat16 : numberToFloat16;
  return (values, start) => checked.data.set(values.map(encode), start);
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}
