import { checkAttentionArgs, checkAttentionBackwardArgs } from '../arguments/attentionArgs.js';
import { checkShiftedWindowArgs, checkShiftedWindowBackwardArgs } from '../arguments/shiftedWindowArgs.js';
import { CallQueue } from '../kernel/callQueue.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from '../reference/shiftedWindowAttentionBackward.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import { numberToBfloat16, numberToFloat16 } from '../tensor/half.js';
import { float32Tensor, product, type Tensor } from '../tensor/tensor.js';
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
      return queue.run(() => {
        checkOverlaps(undefined, output, { q, k, v, bias, mask, logitScale });
        const { o, lse } = windowAttention(args);
        writeOutput(output, o.data);
        return { o: output.result, ...(options.lse && { lse: rounded(lse) }) };
      }, options.signal);
    },
    async backward(args, { signal }) {
      checkAttentionBackwardArgs(args);
      return queue.run(() => {
        const { dQ, dK, dV, dBias, dLogitScale } = windowAttentionBackward(args);
        return {
          dQ: rounded(dQ),
          dK: rounded(dK),
          dV: rounded(dV),
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
        writeOutput(output, shiftedWindowAttention(args).data);
        return output.result;
      }, signal);
    },
    async shiftedWindowAttentionBackward(args, { signal }) {
      const { qkv, relativePositionBias, logitScale, paddingQkv, dO } = checkShiftedWindowBackwardArgs(args);
      const output = outputOf(args.out, '[B, Himg, Wimg, 3C]', qkv.dims);
      return queue.run(() => {
        checkOverlaps(undefined, output, { qkv, relativePositionBias, logitScale, paddingQkv, dO });
        const { dQkv, dRelativePositionBias, dLogitScale } = shiftedWindowAttentionBackward(args);
        writeOutput(output, dQkv.data);
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

/** Writes `values`, rounded to the output's type, to nearest even. */
function writeOutput({ checked }: Output, values: Float64Array): void {
  const { data, type } = checked;
  if (type === 'float32' || type === 'float64') data.set(values);
  else data.set(values.map(type === 'bfloat16' ? numberToBfloat16 : numberToFloat16));
}

function rounded({ data, dims }: Tensor<Float64Array>): Tensor<Float32Array> {
  return float32Tensor(dims, Float32Array.from(data));
}
