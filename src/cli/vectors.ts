import { makeVectors, type VectorKind, type VectorOptions } from '../oracle/vectors.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import { checkOutput, TENSOR_FILES } from './outputFile.js';
import { parseShape } from './shape.js';
import { writeTensors } from './tensorFiles.js';

export interface VectorsOptions {
  readonly output: string;
  readonly shape: string;
  readonly kind?: VectorKind;
  readonly bias?: boolean;
  readonly mask?: number;
  readonly cosine?: boolean;
  readonly backward?: boolean;
  readonly dtype?: NonNullable<VectorOptions['dtype']>;
  readonly seed?: number;
  /** The float64 outputs too. */
  readonly truth?: boolean;
}

export interface VectorsResult {
  readonly output: string;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

/** Writes inputs, and the truth where asked for, to a file that `check` and NumPy read. */
export async function vectors(options: VectorsOptions): Promise<VectorsResult> {
  checkOutput('--output', options.output, TENSOR_FILES);
  const shape = parseShape(options.shape);
  const { kind, bias, mask, cosine, backward, dtype, seed } = options;
  const inputs = makeVectors({ shape, kind, bias, nW: mask, cosine, backward, dtype, seed });
  const { dO, ...forward } = inputs as typeof inputs & Record<'q' | 'k' | 'v', Tensor>;
  const scale = shape[3] ** -0.5;
  const args = { ...forward, ...(!options.cosine && { scale }) };
  const truth: Record<string, TensorLike> = options.truth
    ? { ...windowAttention(args), ...(dO && windowAttentionBackward({ ...args, dO })) }
    : {};
  const tensors = { ...inputs, ...truth };
  await writeTensors(options.output, tensors, options.cosine ? {} : { scale: String(scale) });
  const dims = Object.entries(tensors).map(([name, tensor]) => [name, tensor.dims] as const);
  return { output: options.output, tensors: Object.fromEntries(dims) };
}
