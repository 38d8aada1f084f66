import type { AttentionArgs, CheckedAttentionArgs, CheckedTensor } from '../arguments/attentionArgs.js';
import { checkDims, message } from '../tensor/check.js';
import { numberToBfloat16, numberToFloat16 } from '../tensor/half.js';
import { float32Tensor, type Tensor, type TensorLike } from '../tensor/tensor.js';

/** Where `forward` writes: the array behind `out`, and the tensor to give back. */
export interface Output {
  readonly tensor: Tensor;
  /** float32 and float64 elements, or the bits of half-precision ones. */
  readonly data: Float32Array | Float64Array | Uint16Array;
}

/**
 * The checked `out` of `forward`, or a new float32 tensor.
 * @throws TypeError for what is no tensor; RangeError for other dims or memory that an input occupies.
 */
export function outputOf(args: AttentionArgs, { B, H, L, D, ...inputs }: CheckedAttentionArgs): Output {
  if (args.out === undefined) {
    const tensor = float32Tensor([B, H, L, D]);
    return { tensor, data: tensor.data };
  }
  const out = checkDims('out', args.out, '[B, H, L, D]', [B, H, L, D]);
  for (const name of ['q', 'k', 'v', 'bias', 'mask', 'logitScale'] as const) {
    if (overlaps(out, inputs[name])) throw new RangeError(message('out', 'memory of its own', `memory of "${name}"`));
  }
  return { tensor: args.out as Tensor, data: out.data as Output['data'] };
}

/** Rounds `values` to the element type of `output`, to nearest even, and writes them from element `start` on. */
export function writeOutput(output: Output, start: number, values: Float32Array | Float64Array): void {
  const { data, tensor } = output;
  if (!(data instanceof Uint16Array)) {
    data.set(values, start);
    return;
  }
  const encode = tensor.type === 'bfloat16' ? numberToBfloat16 : numberToFloat16;
  for (let i = 0; i < values.length; i++) data[start + i] = encode(values[i] as number);
}

function overlaps(a: TensorLike, b: CheckedTensor | undefined): boolean {
  const x = a.data as Float32Array;
  const y = b?.data as Float32Array | undefined;
  if (!y || x.buffer !== y.buffer) return false;
  return x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength;
}
